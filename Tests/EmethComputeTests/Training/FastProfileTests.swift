import CEmethCompute
import Testing

@testable import EmethCompute

@Suite struct FastProfileTests {
  private static func training(steps: Int) throws -> SampleTraining {
    SampleTraining(
      configuration: try ModelConfiguration(layers: 2, heads: 2, width: 32, context: 24, vocabularySize: 37),
      batch: 8, steps: steps)
  }

  @Test("where the CPU has no instructions for bfloat16, fast gives the reproducible bits")
  func without() throws {
    let training = try Self.training(steps: 3)
    let device = try Device.cpu(threads: 2, instructionSet: .portable, profile: .fast)
    #expect(device.profile == .fast && device.productType == .float32)
    let found = try training.run(device: device)
    #expect(try found.state.root == training.run(device: .cpu(threads: 1)).state.root)
  }

  @Test(
    "with products of bfloat16 a model learns as in binary32",
    .enabled(if: emeth_instruction_set_available(EMETH_SET_WIDE), "needs fma"))
  func learning() throws {
    let training = try Self.training(steps: 60)
    let exact = try training.run(device: .cpu(threads: 2))
    let device = try Device(threads: 2, instructionSet: .portable, kernels: EMETH_SET_WIDE, profile: .fast)
    #expect(device.productType == .bfloat16)
    #expect("\(device)" == "cpu portable, 2 threads, bfloat16 products")
    let fast = try training.run(device: device)
    #expect(fast.state.root != exact.state.root)
    // The curves stay together while the loss falls from ln 37 to about a third.
    for (step, pair) in zip(fast.reports, exact.reports).enumerated() {
      #expect(abs(pair.0.loss - pair.1.loss) < 0.03 * pair.1.loss, "step \(step)")
    }
    let (first, last) = (exact.reports[0].loss, fast.reports[59].loss)
    #expect(last < first / 2, "\(first) to \(last)")
    // The same machine, threads and order give the same bits again.
    #expect(try training.run(device: device).state.root == fast.state.root)
  }
}
