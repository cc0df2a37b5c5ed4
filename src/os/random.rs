//! Random bits for names.

/// Returns 128 random bits from the operating system.
pub fn bits() -> u128 {
    let mut bytes = [0; 16];
    // The system's generator fails only where the kernel has none; the address of a fresh
    // allocation and the time are then the best bits there are.
    if getrandom::fill(&mut bytes).is_err() {
        let seed = (super::clock::now().as_millis() as u128) << 64 | (&raw const bytes as usize as u128);
        bytes = seed.to_le_bytes();
    }
    u128::from_le_bytes(bytes)
}

/// Returns 256 random bits from the operating system as hexadecimal digits, for what nobody may guess.
///
/// # Errors
/// The system has none: then there is no secret either.
pub fn secret() -> std::io::Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Returns a random UUID (version 4, RFC 9562).
pub fn uuid() -> String {
    let bits = bits() & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    #[test]
    fn uuids_have_the_version_and_variant_of_rfc_9562() {
        let uuid = super::uuid();
        let parts: Vec<_> = uuid.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12]);
        assert!(uuid.as_bytes()[14] == b'4' && b"89ab".contains(&uuid.as_bytes()[19]), "{uuid}");
        assert_ne!(uuid, super::uuid());
    }
}
