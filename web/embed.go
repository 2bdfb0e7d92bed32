// Package web holds the built-in page. There is no build step: what lies in
// this folder is what the browser runs.
package web

import "embed"

// FS is the page. Its layout:
//
//	index.html         an html/template: {{.WebSocketPath}} is the path of the
//	                   signalling endpoint, {{.EmbedOrigins}} who may show the
//	                   page in a frame, {{.Language}} and {{.Direction}} are
//	                   chosen by Accept-Language; served at /aq_server/
//	check.html, check/ the check of the connection; served at /aq_server/check
//	*.js               boot.js, start.js, and what joins the folders below
//	aq-client.js       what pages of others import; client/ is its own
//	protocol/, media/  modules without elements
//	i18n/              what is said in each language: the names of two letters
//	page/              what wires elements, session and browser
//	ui/, styles/       elements and their style sheets
//	manifest.webmanifest, favicon.svg, icons/
//
// Everything but the two pages is served as it is under /aq_server/. The page
// needs no more of a Content-Security-Policy than
//
//	default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:;
//	manifest-src 'self';
//	connect-src 'self' (and the ws: or wss: origin, for old Safari); media-src
//	'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors as the
//	routes decide
//
// Unit tests lie in tests/ and are left out here, as are tsconfig.json and
// README.md.
//
//go:embed *.html favicon.svg manifest.webmanifest icons *.js check client i18n media page protocol styles ui
var FS embed.FS
