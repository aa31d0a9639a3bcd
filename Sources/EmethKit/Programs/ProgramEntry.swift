/// What the network knows of a program: its name, its SubJob program, and how its results are checked.
public struct ProgramEntry: Hashable, Codable, Sendable {
  /// How a third party checks a result (PROTOCOL 7).
  public enum Verification: String, Codable, Sendable, CaseIterable {
    /// Drawn segments are computed again and must end in the same bytes.
    case sampledReplay
    /// Drawn outputs are computed again.
    case outputReplay
    /// The whole result is computed again.
    case recomputation
    /// Several nodes of different owners must agree.
    case redundancy
    /// The result proves itself: no verifier, no verifier fee, `submit` ends in VERIFIED or is refused.
    case selfProving
  }

  /// The program's number.
  public let id: ProgramID
  /// The program's name for people.
  public let name: String
  /// The program that its SubJobs run, or nil when it can't be divided.
  public let subJobProgram: ProgramID?
  /// How its results are checked.
  public let verification: Verification
  /// Whether fuel follows from a formula, so that it counts for rewards (PROTOCOL 3).
  public let fuelByFormula: Bool
  /// The price below which fuel does not count for rewards.
  public let minimumFuelPrice: FuelPrice
  /// The seconds for which a node waits after it took a job of this program.
  public let cooldownSeconds: UInt32
  /// The largest NumParallel.
  public let maximumParts: UInt32

  private enum CodingKeys: String, CodingKey {
    case id = "programId"
    case name, subJobProgram, verification, fuelByFormula, minimumFuelPrice, cooldownSeconds, maximumParts
  }

  /// An entry; by default of a program that can't be divided, has no formula, no minimum price and no
  /// cooldown.
  public init(
    id: ProgramID, name: String, subJobProgram: ProgramID? = nil, verification: Verification,
    fuelByFormula: Bool = false, minimumFuelPrice: FuelPrice = FuelPrice(holonPerFuel: 0),
    cooldownSeconds: UInt32 = 0, maximumParts: UInt32 = 65_536
  ) {
    self.id = id
    self.name = name
    self.subJobProgram = subJobProgram
    self.verification = verification
    self.fuelByFormula = fuelByFormula
    self.minimumFuelPrice = minimumFuelPrice
    self.cooldownSeconds = cooldownSeconds
    self.maximumParts = maximumParts
  }
}
