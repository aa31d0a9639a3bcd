import CEmethCompute

extension Tensor {
  /// The sum of all elements by the row rule of PROTOCOL 6, a single number.
  ///
  /// - Throws: `ComputeError.outOfMemory`.
  public func sum() throws(ComputeError) -> Tensor {
    let total = try device.sum(UnsafeBufferPointer(try floats().elements))
    let (shape, device) = (shape, device)
    let node = GradientNode(node) { gradient throws(ComputeError) in
      try Tensor(repeating: try gradient.scalar(), shape: shape, on: device)
    }
    let output = try FloatArena(count: 1)
    output.base[0] = total
    return Tensor(output, shape: [], on: device, node: node)
  }

  /// The mean of all elements: the sum divided by binary32(count).
  ///
  /// - Throws: `ComputeError.invalidInput` for no elements, `outOfMemory`.
  public func mean() throws(ComputeError) -> Tensor {
    guard shape.count > 0 else {
      throw .invalidInput(what: "number of elements of a mean", found: "0", allowed: "at least 1")
    }
    let count = Float(shape.count)
    return try sum().mapped({ $0 / count }) { gradient throws(ComputeError) in
      try gradient.mapped({ $0 / count }) { $0 }
    }
  }

  /// The sums of the columns, (n) of (…, n), rows ascending.
  ///
  /// - Throws: `ComputeError.outOfMemory`.
  public func columnSums() throws(ComputeError) -> Tensor {
    let output = try FloatArena(count: shape.last)
    emeth_column_sum(device.handle, output.base, try floats().base, shape.rows, shape.last)
    let (shape, device) = (shape, device)
    let node = GradientNode(node) { gradient throws(ComputeError) in
      try Tensor(repeating: 0, shape: shape, on: device) + gradient
    }
    return Tensor(output, shape: [shape.last], on: device, node: node)
  }

  /// The sums of the rows, (…) of (…, n), each by the row rule of PROTOCOL 6.
  ///
  /// - Throws: `ComputeError.outOfMemory`.
  public func rowSums() throws(ComputeError) -> Tensor {
    let (input, output) = (try floats(), try FloatArena(count: shape.rows))
    let (shape, device, n) = (shape, device, shape.last)
    for row in 0..<shape.rows {
      output.base[row] = try device.sum(UnsafeBufferPointer(start: input.base + row * n, count: n))
    }
    let node = GradientNode(node) { gradient throws(ComputeError) in
      let (sums, spread) = (try gradient.floats(), try FloatArena(count: shape.count))
      for row in 0..<shape.rows {
        UnsafeMutableBufferPointer(start: spread.base + row * n, count: n).update(repeating: sums.base[row])
      }
      return Tensor(spread, shape: shape, on: device)
    }
    return Tensor(
      output, shape: TensorShape(checked: Array(shape.dimensions.dropLast())), on: device, node: node)
  }

  /// The place of the largest element of each row, the first of equal ones.
  ///
  /// - Throws: `ComputeError.invalidInput` for rows without elements, `outOfMemory`.
  public func largestOfRows() throws(ComputeError) -> [Int] {
    guard shape.last > 0 else {
      throw .invalidInput(what: "number of elements of a row", found: "0", allowed: "at least 1")
    }
    let input = try floats()
    return (0..<shape.rows).map { row in
      let elements = input.base + row * shape.last
      var best = 0
      for index in 1..<max(shape.last, 1) where elements[index] > elements[best] { best = index }
      return best
    }
  }
}
