// Package deps holds no code: its tests keep the map of ARCHITECTURE.md true.
package deps
