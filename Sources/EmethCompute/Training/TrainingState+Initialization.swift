extension TrainingState {
  /// The initial weights of PROTOCOL 6 (see `WeightInitializer`); both moments and both counters zero.
  ///
  /// - Parameter seed: 32 bytes.
  /// - Throws: `ComputeError.invalidInput` for another length.
  public func initializeWeights(seed: [UInt8]) throws(ComputeError) {
    try WeightInitializer.initialize(parameters, layout: layout, layers: configuration.layers, seed: seed)
    clearMoments()
    step = 0
    round = 0
  }
}
