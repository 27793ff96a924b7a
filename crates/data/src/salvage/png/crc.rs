//! The checksum of PNG chunks (CRC-32, ISO 3309), used to mend what it protects.
//!
//! ```text
//!  crc(m + e) = crc(m) + L(e)         over GF(2), L linear
//!  e one byte at distance n from the end  =>  L(e) = Z^n T[e]
//! ```
//!
//! Z is the step of the register over a zero byte. Rolling the difference of the two checksums back
//! with Z^-1 shows a table entry wherever one wrong byte explains it.

const POLYNOMIAL: u32 = 0xEDB8_8320;

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let mut value = i as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { value >> 1 ^ POLYNOMIAL } else { value >> 1 };
            bit += 1;
        }
        table[i] = value;
        i += 1;
    }
    table
};

/// For each upper byte, the one table entry that has it.
const FROM_TOP: [u8; 256] = {
    let mut from = [0; 256];
    let mut i = 0;
    while i < 256 {
        from[(TABLE[i] >> 24) as usize] = i as u8;
        i += 1;
    }
    from
};

/// Where one wrong byte was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mend {
    /// The checksum itself.
    Checksum,
    /// Byte `at` of the message has to be changed by `by`.
    Byte { at: usize, by: u8 },
}

/// The one wrong byte that explains why `message` has not the checksum `stored`: the explanation
/// that changes fewest bits, if there is one of these only, and chance finds none such in a message
/// of this length more than once in 100 times.
pub(super) fn mend(message: &[u8], stored: u32) -> Option<Mend> {
    let mut difference = crc32fast::hash(message) ^ stored;
    // (bits changed, explanation), and how many there are of so few.
    let mut best: Option<(u32, Mend)> = None;
    let mut rivals = 0;
    let mut consider = |bits: u32, mend: Mend| match &best {
        Some((least, _)) if *least < bits => {}
        Some((least, _)) if *least == bits => rivals += 1,
        _ => {
            best = Some((bits, mend));
            rivals = 0;
        }
    };
    let in_one_byte = difference.to_be_bytes().iter().filter(|b| **b != 0).count() == 1;
    if in_one_byte {
        consider(difference.count_ones(), Mend::Checksum);
    }
    for at in (0..message.len()).rev() {
        let index = FROM_TOP[(difference >> 24) as usize];
        let rest = difference ^ TABLE[usize::from(index)];
        if rest == 0 {
            consider(index.count_ones(), Mend::Byte { at, by: index });
        }
        difference = rest << 8 | u32::from(index);
    }
    let (bits, mend) = best?;
    // Bytes with so many bits set: of 2^32 differences, so many are hit by chance.
    let patterns = [0.0, 8.0, 28.0, 56.0, 70.0, 56.0, 28.0, 8.0, 1.0][bits as usize];
    let chance = patterns * message.len() as f64 / 2f64.powi(32);
    (rivals == 0 && chance < 0.01).then_some(mend)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_one_wrong_byte_is_found_and_two_are_not() {
        let message: Vec<u8> = (0..5000u32).map(|i| (i * i / 7 + i) as u8).collect();
        let stored = crc32fast::hash(&message);
        for case in 0..2000usize {
            let (at, by) = (case * 7919 % message.len(), (case % 255 + 1) as u8);
            let mut damaged = message.clone();
            damaged[at] ^= by;
            assert_eq!(mend(&damaged, stored), Some(Mend::Byte { at, by }));
            damaged[(at + 1 + case) % 5000] ^= 0x55;
            let found = mend(&damaged, stored);
            assert!(found.is_none(), "{found:?}");
        }
        for bit in 0..32 {
            assert_eq!(mend(&message, stored ^ 1 << bit), Some(Mend::Checksum));
        }
    }
}
