import EmethKit
import Foundation

/// The manifest of a computed job: the program to the byte, its parameters, what its records are, and how many
/// must agree on an output. Canonical JSON; submissions name its SHA-256.
public struct ComputedManifest: Codable, Sendable, Hashable {
  /// The form of this manifest.
  public let version: UInt32
  /// The program.
  public let program: ProgramID
  /// The program of its SubJobs.
  public let partProgram: ProgramID
  /// Hash of the module's own manifest, which names all its files; `nil` for built-in programs.
  public let module: Bytes32?
  /// Arguments of the program by their keys.
  public let parameters: [String: String]
  /// What counts as a record.
  public let records: RecordKind
  /// How many records the data set has.
  public let recordCount: UInt64
  /// How many records cost one fuel.
  public let recordsPerFuel: UInt64
  /// The most bytes of a part's output.
  public let outputBytes: UInt64
  /// How many must have computed the same output: the node and one verifier, or the node and two.
  public let agreement: UInt32

  /// A manifest within its limits.
  ///
  /// - Throws: ``NetworkError/badSetting(name:found:allowed:)``.
  public init(
    _ program: ComputedProgram, parameters: [String: String] = [:], recordCount: UInt64,
    agreement: UInt32 = 2
  ) throws(NetworkError) {
    version = 1
    self.program = program.id
    partProgram = program.partID
    module = program.module?.manifest.hash
    self.parameters = parameters
    records = program.records
    self.recordCount = recordCount
    recordsPerFuel = program.recordsPerFuel
    outputBytes = program.outputBytes
    self.agreement = agreement
    try check()
  }

  /// Reads a manifest within its limits.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    version = try container.decode(UInt32.self, forKey: .version)
    program = try container.decode(ProgramID.self, forKey: .program)
    partProgram = try container.decode(ProgramID.self, forKey: .partProgram)
    module = try container.decodeIfPresent(Bytes32.self, forKey: .module)
    parameters = try container.decode([String: String].self, forKey: .parameters)
    records = try container.decode(RecordKind.self, forKey: .records)
    recordCount = try container.decode(UInt64.self, forKey: .recordCount)
    recordsPerFuel = try container.decode(UInt64.self, forKey: .recordsPerFuel)
    outputBytes = try container.decode(UInt64.self, forKey: .outputBytes)
    agreement = try container.decode(UInt32.self, forKey: .agreement)
    do throws(NetworkError) {
      try check()
    } catch {
      throw DecodingError.dataCorrupted(
        DecodingError.Context(codingPath: decoder.codingPath, debugDescription: error.message))
    }
  }

  /// Refuses what no job can be of: it may come from strangers.
  private func check() throws(NetworkError) {
    func require(
      _ holds: Bool, _ name: String, _ found: @autoclosure () -> String, _ allowed: String
    ) throws(NetworkError) {
      if !holds { throw .badSetting(name: name, found: found(), allowed: allowed) }
    }
    try require(version == 1, "version of the manifest", "\(version)", "1")
    if let builtIn {
      try require(
        program == builtIn.id && partProgram == builtIn.partID && module == nil, "program",
        "\(program) with parts of \(partProgram)", "\(builtIn.id) with parts of \(builtIn.partID), no module")
      try require(
        records == builtIn.records && recordsPerFuel == builtIn.recordsPerFuel, "records for one fuel",
        "\(recordsPerFuel)", "\(builtIn.recordsPerFuel) lines")
      try require(
        outputBytes == builtIn.outputBytes, "bytes of an output", "\(outputBytes)", "\(builtIn.outputBytes)")
    } else {
      try require(
        program.isExternal && partProgram == program && module != nil, "program",
        "\(program) with parts of \(partProgram)", "84, 999, or 10000 and above with the hash of its module")
      try require(recordsPerFuel > 0, "records for one fuel", "0", "1 and above")
      try require(
        (1...ModuleManifest.outputByteLimit).contains(outputBytes), "bytes of an output", "\(outputBytes)",
        "1 to \(ModuleManifest.outputByteLimit)")
    }
    try require(recordCount > 0, "records of the data set", "0", "1 and above")
    guard (2...3).contains(agreement) else {
      throw .badSetting(name: "agreement", found: "\(agreement)", allowed: "2 or 3")
    }
    for (key, value) in parameters {
      guard let first = key.utf8.first, Self.isLetter(first),
        key.utf8.allSatisfy({ Self.isLetter($0) || (48...57).contains($0) || $0 == 95 }),
        key.utf8.count <= 64, !value.utf8.contains(0), value.utf8.count <= 4_096
      else {
        throw .badSetting(
          name: "parameter", found: "\(key)=\(value)",
          allowed: "a key of letters, digits and _, and a value of at most 4096 bytes")
      }
    }
    guard parameters.isEmpty || module != nil else {
      throw .badSetting(
        name: "parameters", found: parameters.keys.sorted().joined(separator: ", "),
        allowed: "none: program \(program) has no parameters")
    }
  }

  private static func isLetter(_ byte: UInt8) -> Bool {
    (65...90).contains(byte) || (97...122).contains(byte)
  }

  /// The manifest of a text, as a job carries it.
  ///
  /// - Throws: ``NetworkError/malformed(what:reason:)``, ``NetworkError/badSetting(name:found:allowed:)``.
  init(json: String) throws(NetworkError) {
    do {
      self = try ComputedManifest(wireText: json)
    } catch {
      throw .malformed(what: "manifest of a computed job", reason: WireFormat.problem(of: error))
    }
    guard canonicalJSON == json else {
      throw .malformed(what: "manifest of a computed job", reason: "it is not in canonical form")
    }
    try check()
  }

  /// The manifest as text: sorted keys, nothing else.
  public var canonicalJSON: String { (try? wireText()) ?? "" }

  /// SHA-256 of the text.
  public var hash: Bytes32 { SHA256.hash(Array(canonicalJSON.utf8)) }

  /// The program, where it is not a module: whoever divides and joins needs no module for that.
  private var builtIn: ComputedProgram? { try? ComputedProgram(program, modules: []) }

  /// Whether an output is checked without computing it again.
  var provesItself: Bool { builtIn?.provesItself ?? false }

  /// For how many verifiers of a part its requester pays: what proves itself is checked by nobody.
  var paidVerifiers: UInt32 { provesItself ? 0 : agreement - 1 }

  /// Refuses a data set, or parts of it, of which it is clear that nothing comes.
  func check(_ dataSet: Data, parts: UInt32) throws(NetworkError) {
    guard let builtIn else { return }
    try builtIn.check(recordCount: recordCount, parts: parts)
    try builtIn.check(dataSet: dataSet)
  }

  /// Why a part's output can't be joined to a result; nil where it can.
  func obstacle(toJoining output: Data, of records: UInt64) -> String? {
    guard program == .meanOfNumbers else { return nil }
    do throws(ProgramError) {
      let count = try MeanOfNumbers(output: Array(output)).count
      return count <= records ? nil : "it is of \(count) numbers, the part has \(records) records"
    } catch {
      return error.message
    }
  }

  /// Fuel of the largest of so many parts, by the formula.
  func partFuel(parts: UInt32) throws(NetworkError) -> Fuel {
    let largest = recordCount / UInt64(parts) + (recordCount % UInt64(parts) == 0 ? 0 : 1)
    return Fuel(units: max(1, largest / recordsPerFuel + (largest % recordsPerFuel == 0 ? 0 : 1)))
  }
}
