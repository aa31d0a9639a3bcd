extension SplitPlan {
  /// Checks coverage: that these are the plan's records, each in exactly one part.
  ///
  /// - Parameter leafHashes: The leaf hashes of all records of the data set, in order.
  /// - Throws: ``SplittingError/recordCount(found:expected:)``,
  ///   ``SplittingError/rootMismatch(part:found:expected:)``.
  public func check(leafHashes: [Bytes32]) throws(SplittingError) {
    guard UInt64(leafHashes.count) == recordCount else {
      throw .recordCount(found: UInt64(leafHashes.count), expected: recordCount)
    }
    let root = StateTree.root(leafHashes: leafHashes)
    guard root == recordsRoot else { throw .rootMismatch(part: nil, found: root, expected: recordsRoot) }
    for part in parts {
      let records = part.records
      try check(
        part: part.index, leafHashes: Array(leafHashes[Int(records.lowerBound)..<Int(records.upperBound)]))
    }
  }

  /// Checks that these are the records of one part.
  ///
  /// - Parameter leafHashes: The leaf hashes of the part's records, in order.
  /// - Throws: ``SplittingError/unknownPart(found:count:)``, ``SplittingError/recordCount(found:expected:)``,
  ///   ``SplittingError/rootMismatch(part:found:expected:)``.
  public func check(part index: UInt32, leafHashes: [Bytes32]) throws(SplittingError) {
    let part = try part(index)
    guard UInt64(leafHashes.count) == part.count else {
      throw .recordCount(found: UInt64(leafHashes.count), expected: part.count)
    }
    let root = StateTree.root(leafHashes: leafHashes)
    guard root == part.root else { throw .rootMismatch(part: index, found: root, expected: part.root) }
  }

  /// Checks that one record belongs to a part, by its path in the part's tree.
  ///
  /// - Parameters:
  ///   - record: The record's place in the whole data set.
  ///   - leafHash: Its leaf hash.
  ///   - proof: The path from its leaf to the part's root (RFC 6962).
  ///   - index: The part.
  /// - Throws: ``SplittingError/unknownPart(found:count:)``,
  ///   ``SplittingError/recordOutside(record:part:allowed:)``,
  ///   ``SplittingError/proofMismatch(record:part:)``.
  public func check(
    record: UInt64, leafHash: Bytes32, proof: [Bytes32], part index: UInt32
  ) throws(SplittingError) {
    let part = try part(index)
    guard part.records.contains(record) else {
      throw .recordOutside(record: record, part: index, allowed: part.records)
    }
    guard let place = Int(exactly: record - part.firstRecord), let count = Int(exactly: part.count),
      StateTree.verify(leafHash: leafHash, index: place, count: count, proof: proof, root: part.root)
    else { throw .proofMismatch(record: record, part: index) }
  }

  /// A part by its number.
  ///
  /// - Throws: ``SplittingError/unknownPart(found:count:)``.
  public func part(_ index: UInt32) throws(SplittingError) -> Part {
    guard let place = Int(exactly: index), parts.indices.contains(place) else {
      throw .unknownPart(found: index, count: parts.count)
    }
    return parts[place]
  }

  /// The part in which a record lies, or nil when the data set has no such record.
  ///
  /// - Complexity: O(log parts).
  public func part(of record: UInt64) -> Part? {
    guard record < recordCount else { return nil }
    var low = 0
    var high = parts.count - 1
    while low < high {
      let middle = (low + high + 1) / 2
      if parts[middle].firstRecord <= record { low = middle } else { high = middle - 1 }
    }
    return parts[low]
  }

  /// The number of bytes of a record's salt.
  public static let recordSaltBytes = 16

  /// The salt of a record: the first 16 bytes of HMAC-SHA256(part secret, place u64 big-endian).
  ///
  /// - Parameter index: The record's place in the whole data set.
  public static func recordSalt(partSecret: Bytes32, index: UInt64) -> [UInt8] {
    Array(HMACSHA256.authenticate(index.bigEndianBytes, key: partSecret.bytes).bytes.prefix(recordSaltBytes))
  }

  /// The leaf hash of a record: that of salt ‖ record in the tree of PROTOCOL 7.
  public static func recordLeafHash(salt: [UInt8], record: some Collection<UInt8>) -> Bytes32 {
    StateTree.leafHash(salt + Array(record))
  }
}
