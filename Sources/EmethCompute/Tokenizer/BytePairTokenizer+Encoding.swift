extension BytePairTokenizer {
  private static let largestTextCount = Int(Int32.max)

  /// The token ids of UTF-8 text of at most 2 GiB; longer texts go in pieces (``TextCorpus``).
  ///
  /// - Throws: `ComputeError.invalidInput` with the offset of the first byte that is not UTF-8.
  public func encode(utf8 text: UnsafeBufferPointer<UInt8>) throws(ComputeError) -> [UInt32] {
    guard text.count <= Self.largestTextCount else {
      throw .invalidInput(
        what: "text to tokenise in one piece", found: "\(text.count) bytes",
        allowed: "at most \(Self.largestTextCount) bytes")
    }
    var check = UTF8Check()
    if let offset = check.read(text) { throw .notUTF8(offset: offset, byte: text[offset]) }
    var output: [UInt32] = []
    output.reserveCapacity(text.count / 3)
    encoders.withEncoder { $0.encode(text, into: &output) }
    return output
  }

  /// Between two characters that are not of the same class: see ``WordScanner/partingPlace(after:)``.
  public func partingPlace(
    in text: UnsafeBufferPointer<UInt8>, after start: Int
  ) -> Int? { WordScanner(text).partingPlace(after: start) }
}

extension ComputeError {
  /// Text that is not UTF-8, by the place of its first bad byte.
  static func notUTF8(offset: Int, byte: UInt8) -> ComputeError {
    .invalidInput(
      what: "text at byte \(offset)", found: "0x" + String(byte, radix: 16), allowed: "UTF-8")
  }
}
