/** The results as a text to send to whoever helps. No addresses of the person, no names, no token. Pure. */

/**
 * @param {{origin: string, time: string, browser: string, summary: string}} head
 * @param {{title: string, level: string, text: string, advice: string}[]} results  in words
 * @returns {string}
 */
export function reportText({ origin, time, browser, summary }, results) {
  const lines = results.map(({ title, level, text, advice }) => `[${level}] ${title}: ${[text, advice].filter(Boolean).join(' ')}`);
  return [`AQ Server, ${origin}`, time, browser, '', summary, '', ...lines, ''].join('\n');
}
