import Testing

@testable import EmethKit

/// Ranges of epochs against a plain set.
@Suite struct EpochSetTests {
  @Test func agreesWithASet() {
    var generator = SeededGenerator()
    for _ in 0..<scaled(200) {
      var epochs = EpochSet()
      var model: Set<UInt64> = []
      for _ in 0..<30 {
        let epoch = UInt64.random(in: 1...25, using: &generator)
        epochs.insert(epoch)
        model.insert(epoch)
        #expect(epochs.ranges.flatMap { Array($0) } == model.sorted())
        for (range, next) in zip(epochs.ranges, epochs.ranges.dropFirst()) {
          #expect(range.upperBound + 1 < next.lowerBound, "ranges that touch are one range")
        }
      }
      for epoch in UInt64(0)...27 {
        #expect(epochs.last(below: epoch) == model.filter { $0 < epoch }.max())
        #expect(epochs.first(above: epoch) == model.filter { $0 > epoch }.min())
      }
      let missing = Set(1...(model.max() ?? 0)).subtracting(model)
      #expect(epochs.gaps.flatMap { Array($0) } == missing.sorted())
    }
  }

  @Test func theEndsOfTheRange() {
    var epochs = EpochSet()
    #expect(epochs.gaps.isEmpty && epochs.last(below: .max) == nil && epochs.first(above: 0) == nil)
    epochs.insert(.max)
    #expect(epochs.gaps == [1...UInt64.max - 1])
    epochs.insert(.max - 1)
    epochs.insert(0)
    #expect(epochs.ranges == [0...0, UInt64.max - 1...UInt64.max])
    #expect(epochs.first(above: .max) == nil && epochs.last(below: 0) == nil)
    #expect(epochs.gaps == [1...UInt64.max - 2])
  }
}
