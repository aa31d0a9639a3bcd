/// Numbers in a shape on a device: a value that operations take and give, and through which gradients flow.
///
/// Operations compute in binary32 by the kernels of the reproducible profile, so their results have the same bits
/// on every machine and for every number of threads. They check shapes and name both when they don't fit.
///
/// ```swift
/// let device = try Device.cpu(threads: 2)
/// let x = try Tensor([1, 2, 3, 4], shape: [2, 2], on: device)
/// let y = try x.matmul(x) + x
/// print(y.values)                 // [8.0, 12.0, 18.0, 26.0]
/// ```
/// To train, hand the parameters to ``valueAndGradients(of:_:)`` and the gradients to ``AdamW``. ``Trainer`` is the
/// fast way for whole language models: it allocates nothing in a step.
public struct Tensor: Sendable {
  /// The sizes of the dimensions.
  public let shape: TensorShape
  /// How the elements lie in memory.
  public let dtype: DType
  /// Where operations on this tensor run.
  public let device: Device
  let storage: Storage
  /// What the gradient of this tensor flows on to; nil where nobody asks for it.
  let node: GradientNode?

  /// Elements that are never written once a tensor has them.
  enum Storage: Sendable {
    case binary32(FloatArena)
    case twoBytes([UInt16])
  }

  init(_ arena: FloatArena, shape: TensorShape, on device: Device, node: GradientNode? = nil) {
    self.shape = shape
    self.device = device
    self.node = node
    dtype = .float32
    storage = .binary32(arena)
  }

  init(_ elements: [UInt16], dtype: DType, shape: TensorShape, on device: Device, node: GradientNode?) {
    self.shape = shape
    self.dtype = dtype
    self.device = device
    self.node = node
    storage = .twoBytes(elements)
  }

  /// A tensor of values, row by row.
  ///
  /// - Throws: `ComputeError.invalidInput` when the shape has another number of elements, `outOfMemory`.
  public init(_ values: [Float], shape: TensorShape, on device: Device) throws(ComputeError) {
    guard values.count == shape.count else {
      throw .invalidInput(
        what: "number of values for shape \(shape)", found: "\(values.count)", allowed: "\(shape.count)")
    }
    let arena = try FloatArena(count: values.count)
    _ = arena.elements.update(fromContentsOf: values)
    self.init(arena, shape: shape, on: device)
  }

  /// A tensor of one value everywhere.
  ///
  /// - Throws: `ComputeError.outOfMemory`.
  public init(repeating value: Float, shape: TensorShape, on device: Device) throws(ComputeError) {
    let arena = try FloatArena(count: shape.count)
    arena.elements.update(repeating: value)
    self.init(arena, shape: shape, on: device)
  }

  /// A tensor of random numbers around 0, nearly normal: sums of twelve words, as PROTOCOL 6 initialises weights.
  ///
  /// - Parameters:
  ///   - deviation: their standard deviation.
  ///   - generator: goes on by twelve words an element.
  /// - Throws: `ComputeError.outOfMemory`; `invalidInput` when the generator has no more words.
  public init(
    randomWithDeviation deviation: Float, shape: TensorShape, using generator: inout CounterGenerator,
    on device: Device
  ) throws(ComputeError) {
    let arena = try FloatArena(count: shape.count)
    for index in 0..<shape.count {
      var sum: Int64 = 0
      for _ in 0..<12 { sum += Int64(try generator.nextWord() >> 8) }
      arena.elements[index] = Float(sum - 6 << 24) * 0x1p-24 * deviation
    }
    self.init(arena, shape: shape, on: device)
  }

  /// The elements, row by row; those of two-byte types widened exactly.
  public var values: [Float] {
    switch storage {
    case .binary32(let arena): Array(arena.elements)
    case .twoBytes(let elements): elements.map(dtype.widened)
    }
  }

  /// The only element.
  ///
  /// - Throws: `ComputeError.invalidInput` when there are others.
  public func scalar() throws(ComputeError) -> Float {
    guard shape.count == 1 else {
      throw .invalidInput(what: "shape of a single number", found: "\(shape)", allowed: "one element")
    }
    return values[0]
  }

  /// The elements in another type, rounded to nearest, ties to even. The gradient passes through unrounded.
  ///
  /// - Throws: `ComputeError.outOfMemory`.
  public func converted(to dtype: DType) throws(ComputeError) -> Tensor {
    if dtype == self.dtype { return self }
    let node = GradientNode(node) { gradient in gradient }
    let arena = try floats()
    if dtype == .float32 { return Tensor(arena, shape: shape, on: device, node: node) }
    return Tensor(arena.elements.map(dtype.rounded), dtype: dtype, shape: shape, on: device, node: node)
  }

  /// The same elements in another shape.
  ///
  /// - Throws: `ComputeError.shapeMismatch` when it has another number of elements.
  public func reshaped(to shape: TensorShape) throws(ComputeError) -> Tensor {
    guard shape.count == self.shape.count else {
      throw .shapeMismatch(
        operation: "reshape", left: self.shape.dimensions, right: shape.dimensions,
        rule: "both have the same number of elements")
    }
    let old = self.shape
    let node = GradientNode(node) { gradient throws(ComputeError) in try gradient.reshaped(to: old) }
    switch storage {
    case .binary32(let arena): return Tensor(arena, shape: shape, on: device, node: node)
    case .twoBytes(let elements):
      return Tensor(elements, dtype: dtype, shape: shape, on: device, node: node)
    }
  }

  /// The elements in binary32, the tensor's own where they are.
  func floats() throws(ComputeError) -> FloatArena {
    switch storage {
    case .binary32(let arena): return arena
    case .twoBytes(let elements):
      let arena = try FloatArena(count: elements.count)
      for (index, bits) in elements.enumerated() { arena.elements[index] = dtype.widened(bits) }
      return arena
    }
  }

  /// Makes sure that two tensors live on one device.
  func check(sameDeviceAs other: Tensor) throws(ComputeError) {
    guard device === other.device else {
      throw .invalidInput(
        what: "device of the second tensor", found: "another one", allowed: "that of the first, \(device)")
    }
  }
}

extension Tensor: CustomStringConvertible {
  /// Such as `float32 (2, 2) on cpu avx2, 2 threads`.
  public var description: String { "\(dtype) \(shape) on \(device)" }
}
