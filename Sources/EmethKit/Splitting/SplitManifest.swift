/// What is public about a data set that was split: kind of record, sizes, the plan with its roots, and what
/// the parts' files are called.
///
/// It says nothing that helps to guess a record: the roots are over salted records, and there is no hash of
/// a file as it stands. Whoever has the parts and their secrets checks them against it.
///
/// ```swift
/// let manifest = try SplitManifest(kind: .line, plan: plan, files: files)
/// write(manifest.canonicalJSON, to: "manifest.json")
/// ```
public struct SplitManifest: Hashable, Sendable {
  /// What the JSON's `format` says.
  public static let format = "emeth-split-1"
  /// The most parts of a manifest, so that its JSON stays below what ``JSONValue`` reads.
  public static let partLimit: UInt32 = 65_536

  /// What counts as a record.
  public let kind: RecordKind
  /// The division and its roots.
  public let plan: SplitPlan
  /// The parts' files, in order.
  public let files: [File]
  /// The bytes of the data set.
  public let byteCount: UInt64
  /// The manifest's JSON in the form of RFC 8785.
  public let canonicalJSON: String

  /// The file of a part.
  public struct File: Hashable, Sendable {
    /// Its name, without a folder.
    public let name: String
    /// Its bytes.
    public let byteCount: UInt64

    /// A file; whether it fits its part is checked in the manifest.
    public init(name: String, byteCount: UInt64) {
      self.name = name
      self.byteCount = byteCount
    }
  }

  /// A manifest whose numbers fit each other.
  ///
  /// - Throws: ``SplittingError``: `tooManyParts`, `partCount`, `fileName`, `byteCount`.
  public init(kind: RecordKind, plan: SplitPlan, files: [File]) throws(SplittingError) {
    let partCount = UInt32(clamping: plan.parts.count)
    guard partCount <= SplitManifest.partLimit else {
      throw .tooManyParts(found: partCount, allowed: SplitManifest.partLimit)
    }
    guard files.count == plan.parts.count else {
      throw .partCount(found: files.count, expected: partCount)
    }
    var names: Set<String> = []
    var total: UInt64 = 0
    for (part, file) in zip(plan.parts, files) {
      guard Self.isPlain(file.name), names.insert(file.name).inserted else {
        throw .fileName(part: part.index, found: file.name)
      }
      try Self.check(file, of: part, kind)
      let (sum, overflow) = total.addingReportingOverflow(file.byteCount)
      guard !overflow else {
        throw .byteCount(part: nil, found: .max, expected: "and more, allowed are 2^64 - 1")
      }
      total = sum
    }
    self.kind = kind
    self.plan = plan
    self.files = files
    byteCount = total
    canonicalJSON = Self.json(kind: kind, plan: plan, files: files, byteCount: total)
  }

  /// SHA-256 of ``canonicalJSON``: the one hash to publish or to sign.
  public var hash: Bytes32 { SHA256.hash(canonicalJSON.utf8) }

  /// What a part's file is called unless someone has another wish: `part-07.txt`.
  ///
  /// - Parameters:
  ///   - part: The part's number, from 0.
  ///   - count: The number of parts, which says how many digits there are.
  ///   - kind: What the records are, which says the ending.
  public static func fileName(part: UInt32, of count: UInt32, kind: RecordKind) -> String {
    "\(stem(part: part, of: count)).\(kind.fileExtension)"
  }

  /// What the file of a part's secret is called, beside the part: `part-07.secret`.
  public static func secretName(part: UInt32, of count: UInt32) -> String {
    "\(stem(part: part, of: count)).secret"
  }

  private static func stem(part: UInt32, of count: UInt32) -> String {
    let digits = String(part)
    let width = String(count > 0 ? count - 1 : 0).count
    return "part-" + String(repeating: "0", count: max(0, width - digits.count)) + digits
  }

  /// Whether a name is safe in every folder and shell: no path, no option, no hidden file.
  private static func isPlain(_ name: String) -> Bool {
    func isAlphanumeric(_ byte: UInt8) -> Bool {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "a")...UInt8(ascii: "z"):
        true
      default: false
      }
    }
    let marks = ".-_".utf8
    guard let first = name.utf8.first, isAlphanumeric(first), name.utf8.count <= 255 else { return false }
    return name.utf8.allSatisfy { isAlphanumeric($0) || marks.contains($0) }
  }

  /// Refuses a size that so many records can't have.
  private static func check(
    _ file: File, of part: SplitPlan.Part, _ kind: RecordKind
  ) throws(SplittingError) {
    if case .binary(let size) = kind {
      let (high, low) = part.count.multipliedFullWidth(by: UInt64(size))
      guard high == 0, low == file.byteCount else {
        throw .byteCount(
          part: part.index, found: file.byteCount, expected: "expected are \(part.count) times \(size)")
      }
    } else {
      let (high, low) = part.count.multipliedFullWidth(by: UInt64(kind.recordByteLimit))
      guard file.byteCount >= part.count, high > 0 || file.byteCount <= low else {
        throw .byteCount(
          part: part.index, found: file.byteCount,
          expected: "expected are 1 to \(kind.recordByteLimit) for each of its \(part.count) records")
      }
    }
  }
}

extension RecordKind {
  /// The ending of a file of such records.
  fileprivate var fileExtension: String {
    switch self {
    case .line, .sentence: "txt"
    case .json: "jsonl"
    case .binary: "bin"
    }
  }
}
