import EmethCompute
import EmethKit
import Foundation

/// How fast a node is: how much fuel it burns a second, by program, measured before the first SubJob and corrected by every
/// one; how fast it hashes, and how fast bytes come and go.
struct NodeSpeed {
  let file: URL

  /// What is known; of what was not measured yet, what is thought until then.
  struct Known: Codable {
    var fuelPerSecond: [String: Double] = [:]
    /// Hashes of a proof of work, on the one thread that searches.
    var hashesPerSecond = 100_000.0
    /// Bytes of states that are hashed for a trace, on one thread.
    var hashedBytesPerSecond = 100e6
    /// Bytes from and to the network: a hundred megabits.
    var bytesPerSecond = 12.5e6

    init() {}

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      func number(_ key: CodingKeys, or other: Double) throws -> Double {
        guard let found = try container.decodeIfPresent(Double.self, forKey: key), found.isFinite, found > 0
        else { return other }
        return found
      }
      let usual = Self()
      fuelPerSecond = try container.decodeIfPresent([String: Double].self, forKey: .fuelPerSecond) ?? [:]
      hashesPerSecond = try number(.hashesPerSecond, or: usual.hashesPerSecond)
      hashedBytesPerSecond = try number(.hashedBytesPerSecond, or: usual.hashedBytesPerSecond)
      bytesPerSecond = try number(.bytesPerSecond, or: usual.bytesPerSecond)
    }
  }

  func known() -> Known {
    guard let data = try? Files.read(file) else { return Known() }
    return (try? JSONDecoder().decode(Known.self, from: data)) ?? Known()
  }

  func fuelPerSecond(of program: ProgramID) -> Double? { known().fuelPerSecond["\(program)"] }

  func keep(_ fuelPerSecond: Double, of program: ProgramID) throws(NetworkError) {
    guard fuelPerSecond.isFinite, fuelPerSecond > 0 else { return }
    try change { $0.fuelPerSecond["\(program)"] = fuelPerSecond }
  }

  func change(_ body: (inout Known) -> Void) throws(NetworkError) {
    var known = known()
    body(&known)
    let data = try asNetworkError { try WireFormat.readableEncoder.encode(known) }
    try Files.write(data, to: file)
  }

  /// The programs whose work is measured beforehand. A module's is not known before it has run, and a proof of work's is
  /// luck.
  static let measurable: [ProgramID] = [.languageModelTrainingPart, .textGenerationPart, .meanOfNumbersPart]

  /// Works for a moment as one of ``measurable`` does; fuel a second.
  static func measured(
    _ program: ProgramID, on device: Device, seconds: Double = 0.5
  ) throws(NetworkError) -> Double {
    switch program {
    case .meanOfNumbersPart: try reading(seconds)
    case .textGenerationPart: try generating(on: device, seconds)
    default: try training(on: device, seconds)
    }
  }

  /// Searches and hashes for a moment; hashes and bytes a second.
  static func hashing() -> (hashes: Double, bytes: Double) {
    // None has so many zero bits: the search ends when it is stopped.
    let record = String(repeating: "00", count: 65) + "00000000" + String(repeating: "ff", count: 28)
    var tried = 0.0
    let searchBegan = ContinuousClock.now
    _ = try? ProofOfWork(record: record).solve {
      tried += 4_096
      return (ContinuousClock.now - searchBegan) / .seconds(1) > 0.05
    }
    let searched = (ContinuousClock.now - searchBegan) / .seconds(1)
    let leaf = [UInt8](repeating: 1, count: TrainingState.leafByteCount)
    var hashed = 0.0
    let hashBegan = ContinuousClock.now
    repeat {
      hashed += StateTree.leafHash(leaf) == .zero ? 0 : Double(leaf.count)
    } while (ContinuousClock.now - hashBegan) / .seconds(1) < 0.05
    let took = (ContinuousClock.now - hashBegan) / .seconds(1)
    return (max(1, tried) / max(searched, 1e-6), hashed / max(took, 1e-6))
  }

  /// Reads numbers.
  private static func reading(_ seconds: Double) throws(NetworkError) -> Double {
    let lines = 20_000
    let part = Array((0..<lines).map { "\($0).\($0 % 97)\n" }.joined().utf8)
    let began = ContinuousClock.now
    var read = 0
    repeat {
      _ = try asNetworkError { try MeanOfNumbers(part: part) }
      read += lines
    } while (ContinuousClock.now - began) / .seconds(1) < seconds / 2
    let taken = (ContinuousClock.now - began) / .seconds(1)
    return Double(read) / Double(ComputedProgram.meanOfNumbers.recordsPerFuel) / max(taken, 1e-6)
  }

  /// Generates text by a small model, one token after another.
  private static func generating(on device: Device, _ seconds: Double) throws(NetworkError) -> Double {
    let shape = try asNetworkError {
      try ModelShape(layers: 2, heads: 4, width: 128, context: 64, vocabularySize: 256)
    }
    do throws(ComputeError) {
      let state = try TrainingState(configuration: ModelConfiguration(shape))
      try state.initializeWeights(seed: Array(repeating: 1, count: 32))
      let generator = try TextGenerator(state: state, device: device)
      let sampler = try Sampler.greedy()
      _ = try generator.generate(prompt: [1], maxTokens: 8, sampler: sampler)
      let began = ContinuousClock.now
      var tokens = 0
      repeat {
        tokens += 1 + (try generator.generate(prompt: [1], maxTokens: 63, sampler: sampler).count)
      } while (ContinuousClock.now - began) / .seconds(1) < seconds / 2
      let taken = (ContinuousClock.now - began) / .seconds(1)
      let operations = Double(shape.operationsPerReadToken) * Double(tokens)
      return operations / Double(FuelFormula.operationsPerFuel) / max(taken, 1e-6)
    } catch {
      throw .compute(error)
    }
  }

  /// Trains a small model.
  private static func training(on device: Device, _ seconds: Double) throws(NetworkError) -> Double {
    let shape = try asNetworkError {
      try ModelShape(layers: 2, heads: 4, width: 128, context: 64, vocabularySize: 256)
    }
    let batch = 4
    do throws(ComputeError) {
      let state = try TrainingState(configuration: ModelConfiguration(shape), device: device)
      try state.initializeWeights(seed: Array(repeating: 1, count: 32))
      let trainer = try Trainer(
        state: state, optimizer: OptimizerConfiguration(), batch: batch, device: device)
      let sequences = (0..<batch).map { row -> [UInt32] in
        (0...64).map { place -> UInt32 in UInt32((place * 31 + row * 17) % 256) }
      }
      _ = try trainer.step(sequences: sequences)
      let began = ContinuousClock.now
      var steps = 0
      while steps < 3 || (ContinuousClock.now - began) / .seconds(1) < seconds {
        _ = try trainer.step(sequences: sequences)
        steps += 1
      }
      let taken = (ContinuousClock.now - began) / .seconds(1)
      let operations = Double(shape.operationsPerTrainedToken) * Double(batch * 64 * steps)
      return operations / Double(FuelFormula.operationsPerFuel) / max(taken, 1e-6)
    } catch {
      throw .compute(error)
    }
  }
}
