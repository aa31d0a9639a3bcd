/// The sizes of a tensor's dimensions, the slowest first: `(B, T, C)`. No dimensions are a single number.
///
/// ```swift
/// let shape: TensorShape = [12, 64, 128]
/// print(shape, shape.count)   // (12, 64, 128) 98304
/// ```
public struct TensorShape: Hashable, Sendable, ExpressibleByArrayLiteral {
  /// Size of each dimension, 0 or more.
  public let dimensions: [Int]
  /// Number of elements, at most 2^40.
  public let count: Int

  /// The most dimensions.
  public static let dimensionLimit = 8
  /// The most elements.
  public static let countLimit = 1 << 40

  /// A shape of these sizes.
  ///
  /// - Throws: `ComputeError.invalidInput` for a negative size, more than eight dimensions or more than 2^40
  ///   elements.
  public init(_ dimensions: [Int]) throws(ComputeError) {
    var count: Int? = 1
    for size in dimensions {
      let (product, overflow) = (count ?? 0).multipliedReportingOverflow(by: size)
      count = size < 0 || overflow || product > Self.countLimit ? nil : product
      if count == nil { break }
    }
    guard dimensions.count <= Self.dimensionLimit, let count else {
      throw .invalidInput(
        what: "shape", found: Self.text(dimensions),
        allowed: "up to \(Self.dimensionLimit) sizes of 0 or more with at most 2^40 elements")
    }
    self.dimensions = dimensions
    self.count = count
  }

  /// A shape written in the source. It must be a shape as `init(_:)` checks.
  public init(arrayLiteral dimensions: Int...) {
    self.init(checked: dimensions)
  }

  /// Sizes that are known to be a shape's.
  init(checked dimensions: [Int]) {
    precondition(
      dimensions.count <= Self.dimensionLimit && dimensions.allSatisfy { $0 >= 0 }, "this is no shape")
    self.dimensions = dimensions
    count = dimensions.reduce(1, *)
  }

  /// Size of the last dimension, 1 where there is none.
  var last: Int { dimensions.last ?? 1 }
  /// Number of rows: elements without the last dimension.
  var rows: Int { dimensions.dropLast().reduce(1, *) }

  /// All dimensions but the last, and this one.
  func replacingLast(with size: Int) -> TensorShape {
    TensorShape(checked: dimensions.dropLast() + [size])
  }

  /// Whether `other` is how this shape ends, so that it can be repeated to fill it.
  func ends(with other: TensorShape) -> Bool {
    dimensions.suffix(other.dimensions.count).elementsEqual(other.dimensions)
  }

  private static func text(_ dimensions: [Int]) -> String {
    "(\(dimensions.map(String.init).joined(separator: ", ")))"
  }
}

extension TensorShape: CustomStringConvertible {
  /// Such as `(12, 64, 128)`.
  public var description: String { Self.text(dimensions) }
}
