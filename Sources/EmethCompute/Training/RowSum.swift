/// The order in which the protocol adds the elements of a row (PROTOCOL 6, "row reduction"), in binary64.
///
/// 16 lanes: lane i takes the elements i, i + 16, … in order, an absent one counts as +0; then lane i takes
/// in lane i + 8, + 4, + 2, + 1. Above 4,096 elements the row is cut into blocks of 4,096 and the block sums are
/// added by the same rule. The order is fixed, so the sum has the same bits on every machine.
enum RowSum {
  private static let blockSize = 4096

  /// The sum of `term(i)` for i in `0 ..< count`.
  @inline(__always)
  static func sum(count: Int, term: (Int) -> Double) -> Double {
    if count <= blockSize { return block(0..<count, term: term) }
    var sums: [Double] = []
    sums.reserveCapacity((count + blockSize - 1) / blockSize)
    for start in stride(from: 0, to: count, by: blockSize) {
      sums.append(block(start..<min(start + blockSize, count), term: term))
    }
    while sums.count > 1 {
      let terms = sums
      sums = stride(from: 0, to: terms.count, by: blockSize).map { start in
        block(start..<min(start + blockSize, terms.count)) { terms[$0] }
      }
    }
    return sums[0]
  }

  @inline(__always)
  private static func block(_ range: Range<Int>, term: (Int) -> Double) -> Double {
    var lanes = SIMD16<Double>.zero
    var index = range.lowerBound
    while index + 16 <= range.upperBound {
      var terms = SIMD16<Double>.zero
      for lane in 0..<16 { terms[lane] = term(index + lane) }
      lanes += terms
      index += 16
    }
    for lane in 0..<(range.upperBound - index) { lanes[lane] += term(index + lane) }
    let eight = lanes.lowHalf + lanes.highHalf
    let four = eight.lowHalf + eight.highHalf
    let two = four.lowHalf + four.highHalf
    return two[0] + two[1]
  }
}
