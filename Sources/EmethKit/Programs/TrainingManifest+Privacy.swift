extension TrainingManifest {
  /// Differential privacy of a training: what every part's update is cut to, and the noise on their sum.
  public struct Privacy: Hashable, Sendable {
    /// The largest L2 norm of a part's update of one round, in the parameters' own units; 0.000001 to
    /// 1,000,000, with 9 decimals at most.
    public let clip: DecimalNumber
    /// The standard deviation of the noise on the sum of a round, counted in ``clip``; 0.001 to 1,000, with 9
    /// decimals at most.
    public let noise: DecimalNumber
    /// The δ for which ε is told, above 0 and at most 0.1.
    public let delta: DecimalNumber

    /// ``clip`` · 10^9.
    public let clipBillionths: UInt64
    /// ``noise`` · 10^9.
    public let noiseBillionths: UInt64

    /// The usual δ, 0.000001.
    public static let standardDelta: DecimalNumber = .known("0.000001")

    /// Terms of privacy within the limits above.
    ///
    /// - Throws: ``ProgramError/fieldOutOfRange(field:found:allowed:)``.
    public init(
      clip: DecimalNumber, noise: DecimalNumber, delta: DecimalNumber = standardDelta
    ) throws(ProgramError) {
      clipBillionths = try Self.billionths(
        "privacy.clip", clip, 1_000...1_000_000_000_000_000, allowed: "0.000001 to 1000000")
      noiseBillionths = try Self.billionths(
        "privacy.noise", noise, 1_000_000...1_000_000_000_000, allowed: "0.001 to 1000")
      guard delta > .zero, delta <= .known("0.1") else {
        throw .fieldOutOfRange(field: "privacy.delta", found: delta.text, allowed: "above 0 and at most 0.1")
      }
      self.clip = clip
      self.noise = noise
      self.delta = delta
    }

    private static func billionths(
      _ field: String, _ number: DecimalNumber, _ range: ClosedRange<UInt64>, allowed: String
    ) throws(ProgramError) -> UInt64 {
      let parts = number.text.split(separator: ".", omittingEmptySubsequences: false)
      let decimals = parts.count == 2 ? String(parts[1]) : ""
      guard decimals.utf8.count <= 9,
        let value = UInt64(parts[0] + decimals + String(repeating: "0", count: 9 - decimals.utf8.count)),
        range.contains(value)
      else {
        throw .fieldOutOfRange(field: field, found: number.text, allowed: allowed + ", 9 decimals at most")
      }
      return value
    }
  }
}

extension TrainingManifest.Privacy {
  init(_ fields: ManifestFields) throws(ProgramError) {
    try self.init(
      clip: fields.decimal("clip"), noise: fields.decimal("noise"), delta: fields.decimal("delta"))
  }

  var json: JSONValue {
    .object([
      .init("clip", .string(clip.text)), .init("noise", .string(noise.text)),
      .init("delta", .string(delta.text)),
    ])
  }
}
