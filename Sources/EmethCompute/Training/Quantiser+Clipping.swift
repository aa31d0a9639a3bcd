extension Quantiser {
  /// Writes the quantised update of a SubJob, cut to an L2 norm, and returns how many values were then clipped.
  ///
  /// x = binary32(start − end) as in ``quantise(start:end:into:)``; norm = the square root of the row-rule sums
  /// of x² of all tensors, added in the order of their names, in binary64; if norm > `clip`, x is multiplied by
  /// clip / norm in binary64. Then q = clamp(roundHalfEven(x · 2^e), ±room).
  ///
  /// - Parameters:
  ///   - start: the parameters before, `layout.count` elements; `end` and `values` have as many.
  ///   - clip: the largest norm, above 0, in the parameters' units.
  ///   - rooms: the largest magnitude of a value of each tensor, 0 to ``limit``.
  /// - Throws: `ComputeError.invalidInput` naming the tensor when a difference is not finite.
  public func quantise(
    start: UnsafeBufferPointer<Float>, end: UnsafeBufferPointer<Float>, clip: Double, rooms: [Int32],
    into values: UnsafeMutableBufferPointer<Int32>
  ) throws(ComputeError) -> Int {
    precondition(
      start.count == layout.count && end.count == layout.count && values.count == layout.count
        && rooms.count == layout.tensors.count && rooms.allSatisfy((0...Self.limit).contains),
      "the arenas or rooms do not fit the layout")
    var squares = 0.0
    for tensor in layout.tensors {
      let sum = RowSum.sum(count: tensor.count) { index in
        let difference = Double(start[tensor.offset + index] - end[tensor.offset + index])
        return difference * difference
      }
      // Squares of binary32 numbers, however many, stay finite in binary64.
      guard sum.isFinite else {
        throw .invalidInput(
          what: "update of \(tensor.name)", found: "not finite", allowed: "finite binary32 numbers")
      }
      squares += sum
    }
    let norm = squares.squareRoot()
    let factor = norm > clip ? clip / norm : 1
    var clipped = 0
    for (index, tensor) in layout.tensors.enumerated() {
      let scale = Double(sign: .plus, exponent: Int(exponents[index]), significand: 1)
      clipped += Self.quantise(
        start: .init(rebasing: start[tensor.range]), end: .init(rebasing: end[tensor.range]),
        factor: factor, scale: scale, room: Double(rooms[index]),
        into: .init(rebasing: values[tensor.range]))
    }
    return clipped
  }

  /// One tensor, whose differences are finite.
  private static func quantise(
    start: UnsafeBufferPointer<Float>, end: UnsafeBufferPointer<Float>, factor: Double, scale: Double,
    room: Double, into values: UnsafeMutableBufferPointer<Int32>
  ) -> Int {
    // Adding and taking away 1.5 · 2^52 rounds to the nearest integer, ties to even, below 2^51.
    let ceiling = 0x1p23
    let rounder = 0x1.8p52
    var clipped = 0
    for index in 0..<values.count {
      let scaled = Double(start[index] - end[index]) * factor * scale
      let bounded = scaled > ceiling ? ceiling : (scaled < -ceiling ? -ceiling : scaled)
      let rounded = (bounded + rounder) - rounder
      let clamped = rounded > room ? room : (rounded < -room ? -room : rounded)
      clipped &+= clamped == rounded ? 0 : 1
      values[index] = Int32(clamped)
    }
    return clipped
  }
}
