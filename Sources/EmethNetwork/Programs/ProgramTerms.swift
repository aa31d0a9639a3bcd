import EmethKit

/// What a manifest says of its program and what is the same wherever that program is: whoever has it compares
/// before anything is locked or computed.
public struct ProgramTerms: Codable, Sendable, Hashable {
  /// Hash of the module; `nil` for built-in programs.
  public var module: Bytes32?
  /// What counts as a record.
  public var records: RecordKind
  /// How many records cost one fuel.
  @DecimalText public var recordsPerFuel: UInt64
  /// The most bytes of a part's output.
  @DecimalText public var outputBytes: UInt64
}

extension ComputedProgram {
  /// What a manifest of it says.
  public var terms: ProgramTerms {
    ProgramTerms(
      module: module?.manifest.hash, records: records, recordsPerFuel: recordsPerFuel,
      outputBytes: outputBytes)
  }
}

extension ComputedManifest {
  /// What it says of its program.
  public var terms: ProgramTerms {
    ProgramTerms(
      module: module, records: records, recordsPerFuel: recordsPerFuel, outputBytes: outputBytes)
  }
}
