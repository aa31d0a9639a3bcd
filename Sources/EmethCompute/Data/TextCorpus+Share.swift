extension TextCorpus {
  /// The bytes to train on and those held back when `share` of the text, from its end, is held back: exactly
  /// so many bytes (rounded down), moved to the next character.
  ///
  /// - Parameter share: 0 up to, not including, 1.
  public func split(holdingBack share: Double) -> (training: Range<Int>, validation: Range<Int>) {
    precondition(share >= 0 && share < 1, "a share is from 0 to below 1")
    let target = bytes.count - Int((Double(bytes.count) * share).rounded(.down))
    let cut = bytes.withUnsafeBytes { buffer in
      var cut = target
      while cut < buffer.count, buffer[cut] & 0xC0 == 0x80 { cut += 1 }
      return cut
    }
    return (0..<cut, cut..<bytes.count)
  }
}
