/// A set of epochs as ranges without gaps, so that a chain of any length is a few numbers.
struct EpochSet: Hashable, Sendable {
  /// Disjoint, ascending, with at least one missing epoch between two of them.
  private(set) var ranges: [ClosedRange<UInt64>] = []

  /// Adds an epoch; O(log n) for n ranges when it lies at an end of one, O(n) when it begins a new one.
  mutating func insert(_ epoch: UInt64) {
    let index = firstIndex(from: epoch)
    if index < ranges.count, ranges[index].contains(epoch) { return }
    let joinsLower = index > 0 && ranges[index - 1].upperBound + 1 == epoch
    let joinsUpper = index < ranges.count && ranges[index].lowerBound - 1 == epoch
    switch (joinsLower, joinsUpper) {
    case (true, true):
      ranges[index - 1] = ranges[index - 1].lowerBound...ranges[index].upperBound
      ranges.remove(at: index)
    case (true, false): ranges[index - 1] = ranges[index - 1].lowerBound...epoch
    case (false, true): ranges[index] = epoch...ranges[index].upperBound
    case (false, false): ranges.insert(epoch...epoch, at: index)
    }
  }

  /// The highest epoch below another one.
  func last(below epoch: UInt64) -> UInt64? {
    let index = firstIndex(from: epoch)
    if index < ranges.count, ranges[index].lowerBound < epoch { return epoch - 1 }
    return index > 0 ? ranges[index - 1].upperBound : nil
  }

  /// The lowest epoch above another one.
  func first(above epoch: UInt64) -> UInt64? {
    let index = firstIndex(from: epoch)
    guard index < ranges.count else { return nil }
    if ranges[index].lowerBound > epoch { return ranges[index].lowerBound }
    if ranges[index].upperBound > epoch { return epoch + 1 }
    return index + 1 < ranges.count ? ranges[index + 1].lowerBound : nil
  }

  /// The epochs from 1 to the highest that are missing.
  var gaps: [ClosedRange<UInt64>] {
    var gaps: [ClosedRange<UInt64>] = []
    var next: UInt64 = 1
    for range in ranges {
      if range.lowerBound > next { gaps.append(next...range.lowerBound - 1) }
      next = range.upperBound &+ 1
    }
    return gaps
  }

  /// The index of the first range that does not end below an epoch.
  private func firstIndex(from epoch: UInt64) -> Int {
    var (low, high) = (0, ranges.count)
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].upperBound < epoch { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
