package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"aq-server/internal/recovery"
	"aq-server/internal/routes"
	"aq-server/internal/types"
)

// profileTime is how long an answer on ADMIN_ADDR may take: a CPU profile is
// taken for as long as one asks.
const profileTime = 3 * time.Minute

// serveAdmin opens the administrator's own address, if there is one.
func (a *App) serveAdmin(table routes.Options) error {
	if a.config.AdminAddr == "" {
		return nil
	}
	listener, err := net.Listen("tcp", a.config.AdminAddr)
	if err != nil {
		return fmt.Errorf("ADMIN_ADDR %s: %w", a.config.AdminAddr, err)
	}
	addr := listener.Addr().String()
	a.adminAddr.Store(&addr)
	a.admin = newHTTPServer(routes.NewAdmin(table), a.log)
	a.admin.WriteTimeout = profileTime
	// Owned by this App: closeAdmin ends and awaits it.
	a.adminDone.Go(func() {
		defer recovery.RecoverWithPrefix("admin server")
		if err := a.admin.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			a.log.Error("ADMIN_ADDR is not served any more", "err", err)
		}
	})
	a.log.Info("for the administrator", "addr", addr)
	return nil
}

// AdminAddr returns the address of the administrator, "" without one. Call it
// after Start.
func (a *App) AdminAddr() string {
	if addr := a.adminAddr.Load(); addr != nil {
		return *addr
	}
	return ""
}

func (a *App) closeAdmin() error {
	if a.admin == nil {
		return nil
	}
	err := a.admin.Close()
	a.adminDone.Wait()
	return err
}

// hook returns what tells the webhook; nil without one.
func (a *App) hook() func(types.Hook) {
	if a.hooks == nil {
		return nil
	}
	return a.hooks.Send
}

func (a *App) closeHooks(ctx context.Context) error {
	if a.hooks == nil {
		return nil
	}
	return a.hooks.Close(ctx)
}
