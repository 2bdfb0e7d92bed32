/*
 * Runs before the modules and in browsers that know none: sets the colours
 * without a flash, and says so when the page cannot start. Written for browsers
 * of 2012 on purpose.
 */
(function () {
  'use strict';
  try {
    var theme = JSON.parse(localStorage.getItem('aq-preferences') || '{}').theme;
    if (theme === 'light' || theme === 'dark') document.documentElement.setAttribute('data-theme', theme);
  } catch (error) {
    // Without storage the system's colours are right.
  }

  function tell() {
    var box = document.getElementById('too-old');
    if (!box || (window.customElements && window.customElements.get('aq-app'))) return;
    box.removeAttribute('hidden');
    var loading = document.getElementById('loading');
    if (loading) loading.setAttribute('hidden', '');
  }

  // A module that this browser cannot read is an error of the window or of its script element.
  window.addEventListener('error', function () { setTimeout(tell, 0); }, true);
  window.addEventListener('load', function () { setTimeout(tell, 3000); });
})();
