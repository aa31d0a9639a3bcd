/// The fuel of language-model work, computed and not claimed (PROTOCOL 3).
///
/// One fuel is 10^9 floating-point operations, rounded up per SubJob. Exact integers throughout.
///
/// ```swift
/// let shape = try ModelShape(layers: 4, heads: 4, width: 128, context: 64, vocabularySize: 256)
/// let fuel = try FuelFormula.training(model: shape, tokens: 38_400)   // 208 fuel
/// ```
public enum FuelFormula {
  /// The floating-point operations of one fuel.
  public static let operationsPerFuel: UInt64 = 1_000_000_000

  /// The fuel of training on a number of tokens, as one SubJob.
  ///
  /// - Throws: ``ProgramError/fuelOverflow(tokens:)``.
  public static func training(model: ModelShape, tokens: UInt64) throws(ProgramError) -> Fuel {
    try fuel(operations: model.operationsPerTrainedToken, tokens: tokens)
  }

  /// The fuel of reading or generating a number of tokens, as one SubJob: a third of training, then rounded
  /// up.
  ///
  /// - Throws: ``ProgramError/fuelOverflow(tokens:)``.
  public static func forward(model: ModelShape, tokens: UInt64) throws(ProgramError) -> Fuel {
    try fuel(operations: model.operationsPerReadToken, tokens: tokens)
  }

  /// The fuel of one SubJob of a training: steps per round x batch x context tokens.
  ///
  /// - Throws: ``ProgramError/fuelOverflow(tokens:)``.
  public static func training(_ manifest: TrainingManifest) throws(ProgramError) -> Fuel {
    try training(model: manifest.model, tokens: manifest.tokensPerSubJob)
  }

  private static func fuel(operations: UInt64, tokens: UInt64) throws(ProgramError) -> Fuel {
    // 64 x 64 bits fit 128, and the addition of 10^9 - 1 can't carry out of them:
    // the factors' product is at most (2^64 - 1)^2 = 2^128 - 2^65 + 1.
    let total = UInt128(operations) * UInt128(tokens)
    let rounded = (total + UInt128(operationsPerFuel - 1)) / UInt128(operationsPerFuel)
    guard let units = UInt64(exactly: rounded) else { throw .fuelOverflow(tokens: tokens) }
    return Fuel(units: units)
  }
}
