import EmethKit
import Foundation

/// What an external module says of itself: `module.json` in its folder (Docs/WritingAProgram.md).
///
/// Its hash is part of a job: the job names the module to the byte, every file by its SHA-256.
public struct ModuleManifest: Sendable, Hashable {
  /// What a run of the module may use; more ends it.
  public struct Limits: Sendable, Hashable {
    /// Address space of each of its processes, bytes; of all together where a cgroup can be made.
    public var memoryBytes: UInt64 = 512 << 20
    /// Processor time of each of its processes.
    public var cpuSeconds: UInt64 = 60
    /// Time by the clock.
    public var seconds: UInt64 = 120
    /// Processes and threads at once.
    public var processes: UInt64 = 32
    /// Bytes of its output, and of any file that it writes.
    public var outputBytes: UInt64 = 64 << 20

    /// The limits that hold where a manifest says nothing.
    public init() {}
  }

  /// How a module gets its input and leaves its output.
  public enum Mode: String, Sendable, Codable, CaseIterable {
    /// `/input/input-<job>.dat` and `/output/output-<job>.dat`.
    case folders
    /// `/input` and `/output` are the files.
    case direct
  }

  /// Its number, 10000 or above.
  public let program: ProgramID
  /// Its name, for people.
  public let name: String
  /// The container image that it runs in, `sha256:` and the 64 hexadecimal digits of its ID: the ID is the hash of its
  /// configuration, which names every layer by its hash. nil: this machine's own `/usr`.
  public let image: String?
  /// What is run: a file of the module, or a program of the system or the image such as `/usr/bin/python3`, with arguments.
  public let command: [String]
  /// SHA-256 of every file of the module, by its path inside the folder.
  public let files: [String: Bytes32]
  /// What counts as a record of its data sets.
  public let records: RecordKind
  /// How many records cost one fuel.
  public let recordsPerFuel: UInt64
  /// How it gets its input.
  public let mode: Mode
  /// What a run may use.
  public let limits: Limits
  /// SHA-256 of the manifest in canonical JSON (RFC 8785), unknown fields included.
  public let hash: Bytes32

  private static let imageMark = "sha256:"

  /// The file's name in a module's folder.
  public static let fileName = "module.json"

  /// Reads a manifest.
  ///
  /// - Parameter name: how errors call it.
  public init(json: String, named name: String) throws(NetworkError) {
    let fields: Fields
    do {
      let canonical = try JSONValue(parsing: json, byteLimit: 1 << 20).canonical
      hash = SHA256.hash(Array(canonical.utf8))
      fields = try JSONDecoder().decode(Fields.self, from: Data(canonical.utf8))
    } catch let error as FormatError {
      throw .malformed(what: name, reason: error.message)
    } catch {
      throw .malformed(what: name, reason: WireFormat.problem(of: error))
    }
    func require(
      _ holds: Bool, _ field: String, _ found: @autoclosure () -> String, _ allowed: String
    ) throws(NetworkError) {
      if !holds { throw .badSetting(name: "\(name): \(field)", found: found(), allowed: allowed) }
    }
    try require(fields.version == 1, "version", "\(fields.version)", "1")
    try require(fields.programId.isExternal, "programId", "\(fields.programId)", "10000 and above")
    try require((1...200).contains(fields.name.count), "name", fields.name, "1 to 200 characters")
    let recordsPerFuel = fields.recordsPerFuel?.value ?? 1_000
    try require(recordsPerFuel > 0, "recordsPerFuel", "0", "1 and above")
    for path in fields.files.keys.sorted() {
      try require(Self.isInside(path), "files", path, "paths inside the folder, without . and ..")
    }
    if let image = fields.image {
      let digits = image.dropFirst(Self.imageMark.count)
      try require(
        image.hasPrefix(Self.imageMark) && digits.utf8.count == 64
          && digits.allSatisfy { "0123456789abcdef".contains($0) },
        "image", image,
        "the image's ID: sha256: and 64 lower-case hexadecimal digits; tags and digests can change")
    } else {
      try require(!fields.files.isEmpty, "files", "none", "the module's files with their SHA-256")
    }
    let first = fields.command.first ?? ""
    let isOutside = fields.image != nil && first.hasPrefix("/")
    try require(
      fields.files[first] != nil || first.hasPrefix("/usr/") || first.hasPrefix("/bin/") || isOutside,
      "command", first.isEmpty ? "nothing" : first,
      "one of its files, or a program under /usr or /bin, or anywhere in its image")
    try require(
      !fields.command.contains { $0.utf8.contains(0) }, "command", "a zero byte", "text without zero bytes")
    program = fields.programId
    self.name = fields.name
    image = fields.image
    command = fields.command
    files = fields.files
    records = fields.records ?? .line
    self.recordsPerFuel = recordsPerFuel
    mode = fields.mode ?? .folders
    limits = try Self.limits(fields.limits ?? [:], named: name)
  }

  /// The most that a module may give its outputs.
  static let outputByteLimit: UInt64 = 1 << 34

  /// The catalogue's entry: its parts are its own work, checked by computing them again elsewhere.
  var entry: ProgramEntry { ProgramEntry(id: program, name: name, verification: .redundancy) }

  private static func limits(
    _ given: [String: WireNumber], named name: String
  ) throws(NetworkError) -> Limits {
    var limits = Limits()
    let known: [String: (WritableKeyPath<Limits, UInt64>, ClosedRange<UInt64>)] = [
      "memoryBytes": (\.memoryBytes, 16 << 20...1 << 40), "cpuSeconds": (\.cpuSeconds, 1...86_400),
      "seconds": (\.seconds, 1...86_400), "processes": (\.processes, 1...4_096),
      "outputBytes": (\.outputBytes, 1...outputByteLimit),
    ]
    for (key, number) in given {
      // One that is not known would be believed to hold.
      guard let (place, allowed) = known[key] else {
        throw .badSetting(
          name: "\(name): limits", found: key, allowed: known.keys.sorted().joined(separator: ", "))
      }
      guard allowed.contains(number.value) else {
        throw .badSetting(
          name: "\(name): limits.\(key)", found: "\(number.value)",
          allowed: "\(allowed.lowerBound) to \(allowed.upperBound)")
      }
      limits[keyPath: place] = number.value
    }
    return limits
  }

  private static func isInside(_ path: String) -> Bool {
    path != fileName && path.utf8.count <= 512 && !path.utf8.contains(0)
      && path.split(separator: "/", omittingEmptySubsequences: false).allSatisfy {
        !$0.isEmpty && $0 != "." && $0 != ".."
      }
  }

  private struct Fields: Decodable {
    var version: UInt32
    var programId: ProgramID
    var name: String
    var image: String?
    var command: [String]
    var files: [String: Bytes32]
    var records: RecordKind?
    var recordsPerFuel: WireNumber?
    var mode: Mode?
    var limits: [String: WireNumber]?
  }
}

/// A number that is written as a number or as a decimal string (PROTOCOL 10).
private struct WireNumber: Decodable {
  let value: UInt64

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let number = try? container.decode(UInt64.self) {
      value = number
    } else if let number = UInt64(try container.decode(String.self)) {
      value = number
    } else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "it is no whole number")
    }
  }
}
