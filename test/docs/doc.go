// Package docs holds tests of the documents: that what they name exists.
package docs
