extension TrainingState {
  /// Makes sure that parameters and moments are finite.
  ///
  /// - Throws: `ComputeError.notFinite` naming the step and the first tensor that is not.
  public func checkFinite() throws(ComputeError) {
    for (arena, prefix) in zip(arenas, ["", "first moment of ", "second moment of "]) {
      if let tensor = layout.firstNotFinite(in: arena.elements) {
        throw .notFinite(step: step, tensor: prefix + tensor.name)
      }
    }
  }
}
