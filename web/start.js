/**
 * The first module: the words have to be there before the elements are made, and
 * the way in before the rest.
 */

import { loadLanguage } from './i18n/i18n.js';
import { invite } from './page/invite.js';
import { parseParameters } from './page/parameters.js';
import { loadPreferences } from './page/preferences.js';
import { showLanguage } from './page/root.js';

invite.take(location, history);
const parameters = parseParameters(new URLSearchParams(location.search));
document.documentElement.dataset.hide = parameters.hide.join(' ');
showLanguage(await loadLanguage(parameters.lang ?? loadPreferences().language, navigator.languages));
const { openEarly } = await import('./page/early.js');
openEarly(/** @type {HTMLElement} */ (document.querySelector('aq-app')), parameters);
// Asked for earlier, they would take turns with what the way in needs.
document.head.append(/** @type {HTMLTemplateElement} */ (document.getElementById('later')).content);
await import('./main.js');
