extension UInt256 {
  /// The number of at most 32 bytes, most significant first, or nil when there are more.
  ///
  /// Fewer bytes stand for a smaller number; no bytes are zero.
  public init?(bigEndianBytes bytes: some Collection<UInt8>) {
    guard bytes.count <= 32 else { return nil }
    self = .zero
    for byte in bytes {
      high = high << 8 | low >> 120
      low = low << 8 | UInt128(byte)
    }
  }

  /// The 32 bytes of the number, most significant first, as the EVM writes a word.
  public var bigEndianBytes: [UInt8] {
    Bytes32(self).bytes
  }
}
