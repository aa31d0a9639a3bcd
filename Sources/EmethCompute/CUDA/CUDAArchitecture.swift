/// What machine code is made for, such as `sm_90a`: the GPU's compute capability.
public struct CUDAArchitecture: Sendable, Hashable, Codable, CustomStringConvertible {
  /// Such as `sm_90a`.
  public let name: String

  /// The architecture of that name.
  ///
  /// - Throws: `ComputeError.invalidConfiguration` for a name that is none, or of a GPU older than those of 2020.
  public init(_ name: String) throws(ComputeError) {
    let digits = name.dropFirst(3).prefix(while: \.isNumber)
    let rest = name.dropFirst(3 + digits.count)
    guard name.hasPrefix("sm_"), name.utf8.count <= 8, ["", "a", "f"].contains(rest),
      let number = Int(digits), number >= Self.oldest
    else {
      throw .invalidConfiguration(
        what: "architecture", found: name, allowed: "sm_\(Self.oldest) or later, such as sm_90a")
    }
    self.name = name
  }

  /// That of a GPU with this compute capability; nil where it is too old.
  init?(major: Int, minor: Int) {
    let number = 10 * major + minor
    guard number >= Self.oldest else { return nil }
    // Hopper's own instructions have names only there.
    name = "sm_\(number)" + (number == 90 ? "a" : "")
  }

  /// The first with asynchronous copies and bfloat16: compute capability 8.0, of 2020.
  static let oldest = 80

  /// The name.
  public var description: String { name }
}
