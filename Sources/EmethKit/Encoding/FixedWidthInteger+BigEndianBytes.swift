extension FixedWidthInteger {
  /// The bytes of the number, most significant first, as hashes take integers in.
  public var bigEndianBytes: [UInt8] {
    Swift.withUnsafeBytes(of: bigEndian) { Array($0) }
  }
}
