extension TextCorpus {
  /// SHA-256 of the whole text, 32 bytes. O(n).
  public var hash: [UInt8] {
    StateTree.digest { update in bytes.withUnsafeBytes(update) }
  }
}
