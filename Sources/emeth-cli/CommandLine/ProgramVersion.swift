/// Which release this is.
struct ProgramVersion: Encodable, Sendable {
  var name = "emeth"
  var version = "0.1.0"

  static let current = ProgramVersion()

  /// `emeth 0.1.0`.
  var text: String { "\(name) \(version)" }
}
