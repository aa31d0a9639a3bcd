extension ModelConfiguration {
  /// The floating-point operations of matrix products and attention in one training step of `sequences` full
  /// sequences, two for each fused multiply-add.
  ///
  /// Every product counts once forward and twice backward, attention for the keys that a query sees; what is
  /// computed a second time only to save memory does not count, nor does anything that is not a product.
  public func trainingOperations(sequences: Int) -> Double {
    let (c, t) = (Double(width), Double(context))
    let rows = Double(sequences) * t
    let products = rows * c * (12 * c * Double(layers) + Double(vocabularySize))
    // Scores, and values weighted by them.
    let attention = Double(layers) * Double(sequences) * c * t * (t + 1)
    return 2 * 3 * (products + attention)
  }
}
