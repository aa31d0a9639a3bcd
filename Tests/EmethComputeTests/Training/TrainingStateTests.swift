import Foundation
import Testing

@testable import EmethCompute

@Suite struct TrainingStateTests {
  static func sampleState() throws -> TrainingState {
    let configuration = try ModelConfiguration(
      layers: 2, heads: 3, width: 108, context: 24, vocabularySize: 300)
    let state = try TrainingState(configuration: configuration)
    var sample = SampleNumbers(seed: 3)
    for buffer in [state.parameters, state.firstMoments, state.secondMoments] {
      for i in buffer.indices { buffer[i] = sample.unit() }
    }
    state.step = 0x0102_0304_0506_0708
    state.round = 9
    return state
  }

  @Test("the stream is parameters, moments, step, round, little-endian")
  func stream() throws {
    let state = try Self.sampleState()
    let bytes = (0..<state.leafCount).flatMap(state.leaf)
    #expect(bytes.count == TrainingState.encodedByteCount(of: state.configuration))
    #expect(state.leafCount == 4)
    var expected: [UInt8] = []
    for buffer in [state.parameters, state.firstMoments, state.secondMoments] {
      for x in buffer { withUnsafeBytes(of: x.bitPattern.littleEndian) { expected.append(contentsOf: $0) } }
    }
    expected += [8, 7, 6, 5, 4, 3, 2, 1, 9, 0, 0, 0, 0, 0, 0, 0]
    #expect(bytes == expected)

    let again = try TrainingState(configuration: state.configuration, encoded: bytes)
    #expect(again.root == state.root)
    #expect(again.step == state.step && again.round == 9)
    for wrong in [Array(bytes.dropLast()), bytes + [0], []] {
      #expect(throws: ComputeError.self) {
        try TrainingState(configuration: state.configuration, encoded: wrong)
      }
    }
  }

  @Test("the root is RFC 6962's over 1 MiB leaves, on any number of threads")
  func root() throws {
    let state = try Self.sampleState()
    let hashes = (0..<4).map { index in
      let leaf = [0x00] + state.leaf(index)
      return StateTree.digest { update in leaf.withUnsafeBytes(update) }
    }
    func node(_ a: [UInt8], _ b: [UInt8]) -> [UInt8] {
      let bytes = [0x01] + a + b
      return StateTree.digest { update in bytes.withUnsafeBytes(update) }
    }
    let expected = node(node(hashes[0], hashes[1]), node(hashes[2], hashes[3]))
    #expect(state.root == expected)
    for threads in 1...3 { #expect(state.root(on: try Device.cpu(threads: threads)) == expected) }
    #expect(StateTree.root(of: hashes[0..<3]) == node(node(hashes[0], hashes[1]), hashes[2]))
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    #expect(StateTree.root(of: []).map { String(format: "%02x", $0) }.joined() == empty)
    state.secondMoments[100] = state.secondMoments[100].nextUp
    #expect(state.root != expected)
  }

  @Test("files that are too short or too long are refused")
  func files() throws {
    let state = try Self.sampleState()
    let folder = try TemporaryFolder()
    let file = try folder.write([], "state")
    let output = try FileHandle(forWritingTo: file)
    try state.forEachPiece { try output.write(contentsOf: $0) }
    try output.close()
    let again = try TrainingState(
      configuration: state.configuration, reading: FileHandle(forReadingFrom: file))
    #expect(again.root == state.root)
    let bytes = [UInt8](try Data(contentsOf: file))
    for (name, wrong) in [("short", Array(bytes.dropLast())), ("long", bytes + [0]), ("empty", [])] {
      let broken = try folder.write(wrong, name)
      #expect(throws: ComputeError.self) {
        try TrainingState(configuration: state.configuration, reading: FileHandle(forReadingFrom: broken))
      }
    }
  }

  @Test("initial weights: spread, scale, gains and zeros")
  func initialWeights() throws {
    let state = try TrainingState(configuration: .tiny)
    try state.initializeWeights(seed: [UInt8](repeating: 1, count: 32))
    for tensor in state.layout.tensors {
      let values = state.parameters[tensor.range].map(Double.init)
      let rms = (values.reduce(0) { $0 + $1 * $1 } / Double(values.count)).squareRoot()
      if tensor.isMatrix {
        let expected = tensor.name.hasSuffix("c_proj.weight") ? 0.02 / 8.0.squareRoot() : 0.02
        #expect(abs(rms / expected - 1) < 0.05, "\(tensor.name)")
      } else {
        #expect(values.allSatisfy { $0 == (tensor.name.hasSuffix(".weight") ? 1 : 0) }, "\(tensor.name)")
      }
    }
    let first = state.root
    try state.initializeWeights(seed: [UInt8](repeating: 2, count: 32))
    #expect(state.root != first)
    #expect(throws: ComputeError.self) { try state.initializeWeights(seed: [1]) }
  }

  @Test("a copy has every bit")
  func copies() throws {
    let state = try Self.sampleState()
    let copy = try TrainingState(configuration: state.configuration)
    copy.copy(from: state)
    #expect(copy.root == state.root)
    copy.clearMoments()
    #expect(copy.firstMoments.allSatisfy { $0 == 0 } && copy.secondMoments.allSatisfy { $0 == 0 })
  }
}
