/** The words are there, as they are when the page has begun. */

import en from '../i18n/en.js';
import { speak } from '../i18n/i18n.js';

speak('en', en);
