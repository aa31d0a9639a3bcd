import Foundation
import Testing

@testable import EmethCompute

/// State roots after 20 steps, recorded: whoever implements PROTOCOL 6 must arrive at the same bytes.
@Suite struct ConformanceVectorTests {
  struct Vector: Decodable {
    let configuration: ModelConfiguration
    let batch, steps: Int
    let initialRoot, finalRoot: String
    let lastLossBits: UInt32
  }

  static func hex(_ bytes: [UInt8]) -> String { bytes.map { String(format: "%02x", $0) }.joined() }

  @Test("20 steps give the recorded state", arguments: Device.available, [1, 2, 3])
  func recorded(instructionSet: InstructionSet, threads: Int) throws {
    let vectors = try RecordedFixture.decode([Vector].self, "training_vectors.json")
    #expect(vectors.count == 2)
    let device = try Device.cpu(threads: threads, instructionSet: instructionSet)
    for vector in vectors {
      let start = try TrainingState(configuration: vector.configuration)
      try start.initializeWeights(seed: (0..<32).map { UInt8($0) })
      #expect(Self.hex(start.root) == vector.initialRoot)
      let training = SampleTraining(
        configuration: vector.configuration, batch: vector.batch, steps: vector.steps)
      let (state, reports) = try training.run(device: device, microBatch: threads)
      #expect(Self.hex(state.root(on: device)) == vector.finalRoot)
      #expect(reports.last?.loss.bitPattern == vector.lastLossBits)
    }
  }
}
