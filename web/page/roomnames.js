/**
 * Readable names for new rooms. In an open server the name is the room's only
 * secret, so it must not be guessed: four of 256 words are 32 bits, three digits
 * are 10 more (log2 1000 = 9.97), 41.9 in all. Who tries 100 names a second needs
 * 650 years for an even chance to find one given room.
 */

/** Short, everyday, hard to mishear: exactly 256, so that one random byte is one word. */
const WORDS =
  'acorn agate alder amber anchor apple april apron arrow aspen atlas autumn badger bagel bamboo banjo barley basil beach beacon berry birch bison blossom ' +
  'blue bonfire book border bottle bread breeze brick bridge bright broom brush bubble bucket butter button cabin cactus calm candle canoe canyon carbon ' +
  'carpet castle cedar cello chalk cherry chess cider cinema circle citrus clay clever cliff clock cloud clover cobalt cocoa comet copper coral cotton ' +
  'cousin crayon crisp crystal curtain cypress daisy dancer dawn delta denim desert diamond dolphin domino donkey dragon drum dune eagle early east echo ' +
  'elder ember engine fable falcon fancy feather fennel fern ferry fiddle field finch fjord flame flint flute forest fossil fountain fox fresh galaxy ' +
  'garden garlic gentle giant ginger glacier glass globe golden granite grape gravel green guitar hammer harbor harvest hazel helmet heron hickory hill ' +
  'honey horizon humble icicle indigo island ivory jacket jasmine jolly jungle juniper kayak kettle kiwi ladder lagoon lamp lantern lark laurel lemon ' +
  'lilac lime linen lion little lotus lucky lunar magnet maple marble market meadow melon mint mirror misty mosaic mountain museum nectar needle noble ' +
  'north nutmeg oasis ocean olive onion opal orange orbit orchid otter owl oxygen paddle panda paper parade parsley pasta peach pebble pencil pepper ' +
  'piano pigeon pillow pine planet plum pocket poem pollen pond poppy prairie puffin purple puzzle quartz quiet rabbit radio rainbow raven reef ribbon ' +
  'river robin rocket rose saffron salmon sandal satin shell silver spruce star stone summer swan thistle tiger timber tulip turtle velvet violet walnut willow ' +
  'winter yellow zebra';

export const words = Object.freeze(WORDS.split(' '));

/**
 * @param {(bytes: Uint8Array<ArrayBuffer>) => unknown} [fill]  with random bytes
 * @returns {string} for example "calm-otter-piano-river-427"
 */
export function newRoomName(fill = (bytes) => crypto.getRandomValues(bytes)) {
  const bytes = new Uint8Array(4);
  fill(bytes);
  return [...[...bytes].map((byte) => words[byte]), digits(fill)].join('-');
}

/** Three digits, each number as likely as any other. @param {(bytes: Uint8Array<ArrayBuffer>) => unknown} fill */
function digits(fill) {
  const bytes = new Uint8Array(2);
  for (;;) {
    fill(bytes);
    const number = bytes[0] * 256 + bytes[1];
    // What is above the last whole thousand would make small numbers likelier.
    if (number < 65_000) return String(number % 1000).padStart(3, '0');
  }
}
