package webrtcapi

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/pion/logging"
)

// loggerFactory sends pion's log to slog. pion calls things a warning that are
// everyday life for a server on the open network (a check with an old password,
// a packet after close), so its warnings and infos are debug lines here, and
// its errors warnings.
type loggerFactory struct{ log *slog.Logger }

// NewLogger implements logging.LoggerFactory.
func (f *loggerFactory) NewLogger(scope string) logging.LeveledLogger {
	return pionLogger{log: f.log.With("pion", scope)}
}

type pionLogger struct{ log *slog.Logger }

func (l pionLogger) write(level slog.Level, format string, args []any) {
	ctx := context.Background()
	if !l.log.Enabled(ctx, level) {
		return
	}
	if args == nil {
		l.log.Log(ctx, level, format)
		return
	}
	l.log.Log(ctx, level, fmt.Sprintf(format, args...))
}

const levelTrace = slog.LevelDebug - 4

func (l pionLogger) Trace(msg string)          { l.write(levelTrace, msg, nil) }
func (l pionLogger) Tracef(f string, a ...any) { l.write(levelTrace, f, a) }
func (l pionLogger) Debug(msg string)          { l.write(levelTrace, msg, nil) }
func (l pionLogger) Debugf(f string, a ...any) { l.write(levelTrace, f, a) }
func (l pionLogger) Info(msg string)           { l.write(levelTrace, msg, nil) }
func (l pionLogger) Infof(f string, a ...any)  { l.write(levelTrace, f, a) }
func (l pionLogger) Warn(msg string)           { l.write(slog.LevelDebug, msg, nil) }
func (l pionLogger) Warnf(f string, a ...any)  { l.write(slog.LevelDebug, f, a) }
func (l pionLogger) Error(msg string)          { l.write(slog.LevelDebug, msg, nil) }
func (l pionLogger) Errorf(f string, a ...any) { l.write(slog.LevelDebug, f, a) }
