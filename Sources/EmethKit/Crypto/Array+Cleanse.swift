import COpenSSL

extension Array where Element == UInt8 {
  /// Overwrites the bytes in a way that no compiler leaves out, and empties the array.
  ///
  /// For secrets that had to pass through an array, such as what was read from a key file. Only this array's
  /// storage is overwritten: copies that it shared its storage with keep their bytes.
  ///
  /// ```swift
  /// var text = try read(keyFile)
  /// defer { text.cleanse() }
  /// ```
  public mutating func cleanse() {
    withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) }
    removeAll(keepingCapacity: true)
  }
}
