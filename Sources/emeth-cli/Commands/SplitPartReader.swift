import EmethKit

/// Reads the parts of a split folder again and hashes their records.
struct SplitPartReader: Sendable {
  let folder: SplitFolder
  let manifest: SplitManifest
  let context: CommandContext

  /// A part's file that has the size and the number of records that the manifest says.
  struct Part {
    var plan: SplitPlan.Part
    var file: DataSetFile
    var index: RecordIndex
    var secret: Bytes32
  }

  /// Opens a part and reads it through once; nothing is hashed yet.
  ///
  /// - Throws: `SplittingError` for a file that is not the manifest's, `FileError`, `CommandFailure`.
  func open(_ part: SplitPlan.Part, secret: Bytes32) throws -> Part {
    let expected = manifest.files[Int(part.index)]
    let file = try DataSetFile(folder.path(of: expected), spoolFolder: nil)
    let index = try RecordIndex(reading: file, kind: manifest.kind, cancellation: context.cancellation)
    guard index.byteCount == expected.byteCount else {
      throw SplittingError.byteCount(
        part: part.index, found: index.byteCount, expected: "the manifest says \(expected.byteCount)")
    }
    guard index.recordCount == part.count else {
      throw SplittingError.partRange(
        part: part.index, found: part.firstRecord..<(part.firstRecord + index.recordCount),
        expected: part.records)
    }
    return Part(plan: part, file: file, index: index, secret: secret)
  }

  /// Gives the runs of a part to a consumer.
  ///
  /// - Parameter cuts: Records of the data set at which runs must begin.
  func hash<Consumer: RecordRunConsumer>(
    _ part: Part, cutAt cuts: [UInt64] = [], into consumer: Consumer
  ) throws -> Consumer {
    let secret = part.secret
    let sections = try part.index.sections(ofPart: part.plan, in: part.file, cutAt: cuts)
    let hashing = RecordHashing(
      file: part.file, kind: manifest.kind, partSecret: { _ in secret }, context: context,
      title: "checking part \(part.plan.index)")
    return try hashing.run(sections, into: consumer)
  }

  /// The bytes of a record of the part.
  func read(_ record: UInt64, of part: Part) throws -> [UInt8] {
    let place = record - part.plan.firstRecord
    let places = try part.index.places(of: [place, place + 1], in: part.file)
    let count = Int(places[1].offset - places[0].offset)
    guard count <= RecordProof.contentByteLimit else {
      throw SplittingError.contentTooLong(record: record, found: count, allowed: RecordProof.contentByteLimit)
    }
    var bytes = [UInt8](repeating: 0, count: count)
    let isThere = try bytes.withUnsafeMutableBytes { try part.file.read(into: $0, at: places[0].offset) }
    guard isThere else { throw CommandFailure.changed(part.file.name) }
    return bytes
  }
}
