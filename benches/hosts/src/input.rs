//! What the compressor is given: text of made-up words, as frequent and as repetitive as those of a
//! language, the same bytes at every call.

const WORDS: usize = 4096;

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 33) as usize) % limit
    }
}

/// `length` bytes.
pub fn text(length: usize) -> Vec<u8> {
    let mut random = Random(42);
    let words: Vec<Vec<u8>> = (0..WORDS)
        .map(|_| {
            let syllables = 1 + random.below(4);
            let letters = |random: &mut Random| {
                [b"bcdfghklmnprst"[random.below(14)], b"aeiou"[random.below(5)]]
            };
            (0..syllables).flat_map(|_| letters(&mut random)).collect()
        })
        .collect();
    let mut text = Vec::with_capacity(length + 64);
    let mut in_line = 0;
    while text.len() < length {
        // A product of two even choices prefers the first words, about as languages do.
        let word = &words[random.below(WORDS) * (1 + random.below(WORDS)) / (WORDS + 1)];
        text.extend_from_slice(word);
        in_line += word.len() + 1;
        text.push(if in_line > 80 { b'\n' } else { b' ' });
        if in_line > 80 {
            in_line = 0;
        }
    }
    text.truncate(length);
    text
}
