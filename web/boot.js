/*
 * Runs before the modules and in browsers that know none: sets colours and
 * language without a flash, and says so when the page cannot start. Written for
 * browsers of 2012 on purpose, and so it has its own few words.
 */
(function () {
  'use strict';
  var root = document.documentElement;
  /** Where the page's files lie: beside this one, whose address may have the server's version in it. */
  var folder = document.currentScript instanceof HTMLScriptElement ? document.currentScript.src.replace(/[^\/]*$/, '') : '';
  /** @type {Record<string, string[]>} */
  var OLD = {
    de: ['Dieser Browser ist zu alt für Anrufe', 'Bitte öffnen Sie diese Seite mit einem aktuellen Chrome, Edge, Firefox oder Safari.'],
    fr: ['Ce navigateur est trop ancien pour les appels', 'Ouvrez cette page avec une version récente de Chrome, Edge, Firefox ou Safari.'],
    es: ['Este navegador es demasiado antiguo para hacer llamadas', 'Abre esta página con una versión actual de Chrome, Edge, Firefox o Safari.'],
    pt: ['Este navegador é antigo demais para fazer chamadas', 'Abra esta página com uma versão atual do Chrome, Edge, Firefox ou Safari.'],
    it: ['Questo browser è troppo vecchio per le chiamate', 'Apri questa pagina con una versione aggiornata di Chrome, Edge, Firefox o Safari.'],
    pl: ['Ta przeglądarka jest za stara na rozmowy', 'Otwórz tę stronę w aktualnej wersji Chrome, Edge, Firefox lub Safari.'],
    tr: ['Bu tarayıcı görüşmeler için çok eski', 'Lütfen bu sayfayı güncel bir Chrome, Edge, Firefox veya Safari ile açın.'],
    ru: ['Этот браузер слишком стар для звонков', 'Откройте эту страницу в современной версии Chrome, Edge, Firefox или Safari.'],
    uk: ['Цей браузер застарий для дзвінків', 'Відкрийте цю сторінку в сучасній версії Chrome, Edge, Firefox або Safari.'],
    zh: ['此浏览器版本过旧，无法进行通话', '请使用最新版 Chrome、Edge、Firefox 或 Safari 打开此页面。'],
    ja: ['このブラウザーは古すぎて通話できません', '最新の Chrome、Edge、Firefox、Safari でこのページを開いてください。'],
    ar: ['هذا المتصفح قديم جدًا للمكالمات', 'افتح هذه الصفحة بإصدار حديث من Chrome أو Edge أو Firefox أو Safari.'],
    hi: ['यह ब्राउज़र कॉल के लिए बहुत पुराना है', 'कृपया यह पेज मौजूदा Chrome, Edge, Firefox या Safari में खोलें।']
  };

  /** The server has chosen by what the browser asks for; what was chosen on the page wins. @param {string} language */
  function speak(language) {
    if (!/^[a-z]{2}$/.test(language) || language === root.lang) return;
    root.lang = language;
    root.dir = language === 'ar' ? 'rtl' : 'ltr';
    var link = document.createElement('link');
    link.rel = 'modulepreload';
    link.href = folder + 'i18n/' + language + '.js';
    document.head.appendChild(link);
  }

  /** @type {{theme?: string, language?: string}} */
  var preferences = {};
  try {
    preferences = JSON.parse(localStorage.getItem('aq-preferences') || '{}') || {};
  } catch (error) {
    // Without storage, as in some frames, the system's colours and the browser's language are right.
  }
  // The address wins for the visit: page/parameters.js.
  var asked = /[?&]theme=(auto|light|dark)(&|$)/.exec(location.search);
  var theme = asked ? asked[1] : preferences.theme;
  if (theme === 'light' || theme === 'dark') root.setAttribute('data-theme', theme);
  asked = /[?&]lang=([a-z]{2})(-|&|$)/i.exec(location.search);
  speak(asked ? asked[1].toLowerCase() : String(preferences.language));

  function tell() {
    var box = document.getElementById('too-old');
    var page = box && box.parentElement;
    if (!box || !page || (window.customElements && window.customElements.get(page.localName))) return;
    var words = OLD[root.lang];
    if (words) {
      box.children[0].textContent = words[0];
      box.children[1].textContent = words[1];
    }
    box.removeAttribute('hidden');
    var loading = document.getElementById('loading');
    if (loading) loading.setAttribute('hidden', '');
  }

  // A module that this browser cannot read is an error of the window or of its script element.
  window.addEventListener('error', function () { setTimeout(tell, 0); }, true);
  window.addEventListener('load', function () { setTimeout(tell, 3000); });
})();
