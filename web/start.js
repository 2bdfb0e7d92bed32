/** The first module: the words have to be there before the elements are made. */

import { loadLanguage } from './i18n/i18n.js';
import { loadPreferences } from './page/preferences.js';
import { showLanguage } from './page/root.js';

showLanguage(await loadLanguage(loadPreferences().language, navigator.languages));
await import('./main.js');
