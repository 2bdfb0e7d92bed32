/** The first module of the check: the words have to be there before the elements are made. */

import { loadLanguage } from '../i18n/i18n.js';
import { parseParameters } from '../page/parameters.js';
import { loadPreferences } from '../page/preferences.js';
import { showLanguage } from '../page/root.js';

const { lang } = parseParameters(new URLSearchParams(location.search));
showLanguage(await loadLanguage(lang ?? loadPreferences().language, navigator.languages));
await import('./main.js');
