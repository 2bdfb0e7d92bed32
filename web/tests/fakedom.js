/** As much of a document as it takes to import the modules of elements; none is made. */

Object.assign(globalThis, { HTMLElement: class {}, customElements: { define: () => undefined } });
