// Package soak holds the tests that look at the server as a process of its own: memory over many
// joins and leaves, processor time under load. They run for seconds with the other tests; SOAK
// makes the churn as long as wanted (make soak: 24 hours).
package soak
