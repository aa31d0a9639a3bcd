import EmethCompute
import Testing

@Suite struct SampleOrderTests {
  @Test func recordedOrders() throws {
    for expected in try ProtocolExpectations.load().orders {
      var order = try SampleOrder(
        seed: ProtocolExpectations.seed, part: expected.part, round: expected.round,
        sequences: expected.sequences)
      #expect(try order.next(expected.indices.count) == expected.indices)
    }
  }

  @Test(arguments: [1, 2, 3, 64, 1_000]) func eachPassIsAPermutation(sequences: Int) throws {
    var order = try SampleOrder(seed: ProtocolExpectations.seed, part: 0, round: 0, sequences: sequences)
    var passes: Set<[Int]> = []
    for _ in 0..<3 {
      let pass = try order.next(sequences)
      #expect(pass.sorted() == Array(0..<sequences))
      passes.insert(pass)
    }
    #expect(sequences < 64 || passes.count == 3)
  }

  /// A replay that starts inside a round takes what the first run took there.
  @Test func skippingIsDrawing() throws {
    var random = try RandomInput("skip")
    for _ in 0..<200 * RandomInput.scale {
      let sequences = 1 + (try random.below(12))
      var drawing = try SampleOrder(seed: ProtocolExpectations.seed, part: 1, round: 2, sequences: sequences)
      var skipping = drawing
      for _ in 0..<4 {
        let count = try random.below(40)
        _ = try drawing.next(count)
        try skipping.skip(count)
        #expect(try drawing.next() == skipping.next())
      }
    }
  }

  @Test func noSequencesAreRefused() {
    #expect(throws: ComputeError.self) {
      try SampleOrder(seed: ProtocolExpectations.seed, part: 0, round: 0, sequences: 0)
    }
  }
}
