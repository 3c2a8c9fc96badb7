//! Chance that repeats: SplitMix64 over what is asked for.

/// What a throw is for; every purpose has its own row of numbers.
#[derive(Clone, Copy)]
pub(super) enum For {
    Integration = 1,
    Id,
    Customer,
    Health,
    Use,
    Operation,
    Connection,
    OperationId,
}

/// A throw that can be looked at from several sides.
#[derive(Clone, Copy)]
pub(super) struct Dice(u64);

impl Dice {
    /// The throw for the thing with a number.
    pub(super) fn throw(seed: u64, what: For, number: u64) -> Self {
        Self(mixed(mixed(seed ^ ((what as u64) << 56)).wrapping_add(number)))
    }

    /// The next throw of the same row.
    pub(super) fn again(self) -> Self {
        Self(mixed(self.0))
    }

    /// Below a number, each equally likely.
    pub(super) fn below(self, count: u64) -> u64 {
        ((u128::from(self.0) * u128::from(count.max(1))) >> 64) as u64
    }

    /// At least 0 and below 1.
    pub(super) fn share(self) -> f64 {
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    /// One of a list.
    pub(super) fn of<T: Copy>(self, list: &[T]) -> T {
        list[self.below(list.len() as u64) as usize]
    }

    /// In the form of a random UUID.
    pub(super) fn uuid(self) -> String {
        let (high, low) = (self.0, self.again().0);
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            0x8000 | ((low >> 48) & 0x3fff),
            low & 0xffff_ffff_ffff
        )
    }

    /// Letters and digits.
    pub(super) fn letters(self, count: usize) -> String {
        const ALL: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let mut dice = self;
        let letter = |_| {
            dice = dice.again();
            char::from(dice.of(ALL))
        };
        (0..count).map(letter).collect()
    }
}

fn mixed(number: u64) -> u64 {
    let mut value = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
