using System.Diagnostics;
using System.Numerics.Tensors;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Data;
using Ulrl.Training.Evaluation;
using Ulrl.Training.Onnx;
using Ulrl.Training.Runtime;

namespace Ulrl.Training.Purification;

/// <summary>
/// Removes a backdoor from a classifier with a few clean samples: unlearn them, find the neurons that changed most,
/// relearn away from these (ULRL, arXiv 2405.14781).
/// </summary>
public static class Purifier
{
    private const int UnlearningStream = 11;
    private const int RelearningStream = 12;
    private const int InitialRowStream = 13;
    private const int DropoutStream = 14;
    private const int StatisticsStream = 15;
    private const int PerturbationStream = 17;

    // Keeps the random numbers of further unlearning runs apart from all others.
    private const int RunStreams = 100;

    /// <summary>Purifies a model.</summary>
    /// <param name="model">The classifier: one input [batch, …], one output of logits or probabilities [batch, classes]. It is not changed.</param>
    /// <param name="clean">Clean samples as the model reads them (normalised), with their labels.</param>
    /// <param name="options">Settings; the preset <see cref="PurificationPreset.Balanced"/> by default.</param>
    /// <param name="progress">Told after every step.</param>
    /// <param name="notice">Told in one line what the user should know, such as the device that <c>auto</c> took.</param>
    /// <param name="epochDone">Called after every epoch of both phases, for example to measure the model on test samples; null, the default, for nothing.</param>
    /// <param name="cancellation">Stops the run within a step.</param>
    /// <returns>The purified model and the report.</returns>
    /// <exception cref="InvalidModelException">The model is no classifier, or an operator cannot be trained through.</exception>
    /// <exception cref="DataSetException">The samples do not fit the model.</exception>
    /// <exception cref="DeviceException">The device cannot be used.</exception>
    /// <exception cref="OperationCanceledException">The run was cancelled.</exception>
    public static PurificationResult Purify(
        OnnxModel model,
        LabeledSamples clean,
        PurificationOptions? options = null,
        IProgress<PurificationProgress>? progress = null,
        Action<string>? notice = null,
        Action<PurificationEpoch>? epochDone = null,
        CancellationToken cancellation = default)
    {
        using var run = Begin(model, clean, options, progress, notice, epochDone, cancellation);
        return run.Execute();
    }

    /// <summary>
    /// Says whether a model is backdoored, without purifying it: the unlearning phase, the search for perturbations that lead to a class, and, where these
    /// do not settle it, unlearning again with other random numbers.
    /// </summary>
    /// <param name="model">The classifier, as for <see cref="Purify"/>. It is not changed.</param>
    /// <param name="clean">Clean samples as the model reads them (normalised), with their labels.</param>
    /// <param name="options">Settings; the preset <see cref="PurificationPreset.Balanced"/> by default. Those of relearning are not used but for <see cref="PurificationOptions.PerturbedShare"/>: 0 for no search.</param>
    /// <param name="progress">Told after every step.</param>
    /// <param name="notice">Told in one line what the user should know, such as the device that <c>auto</c> took.</param>
    /// <param name="cancellation">Stops the run within a step.</param>
    /// <exception cref="InvalidModelException">The model is no classifier, or an operator cannot be trained through.</exception>
    /// <exception cref="DataSetException">The samples do not fit the model.</exception>
    /// <exception cref="DeviceException">The device cannot be used.</exception>
    /// <exception cref="OperationCanceledException">The run was cancelled.</exception>
    public static BackdoorDetection Detect(
        OnnxModel model,
        LabeledSamples clean,
        PurificationOptions? options = null,
        IProgress<PurificationProgress>? progress = null,
        Action<string>? notice = null,
        CancellationToken cancellation = default)
    {
        using var run = Begin(model, clean, options, progress, notice, null, cancellation);
        return run.Detect();
    }

    private static Run Begin(
        OnnxModel model,
        LabeledSamples clean,
        PurificationOptions? options,
        IProgress<PurificationProgress>? progress,
        Action<string>? notice,
        Action<PurificationEpoch>? epochDone,
        CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(clean);
        options ??= new PurificationOptions();
        options.Validate();
        cancellation.ThrowIfCancellationRequested();
        return new Run(model, clean, options, progress, notice, epochDone, cancellation);
    }

    private sealed class Run : IDisposable
    {
        private readonly OnnxModel model;
        private readonly OnnxModel trained;
        private readonly BatchNormRestoration? restoration;
        private readonly LabeledSamples clean;
        private readonly PurificationOptions options;
        private readonly IProgress<PurificationProgress>? progress;
        private readonly CancellationToken cancellation;
        private readonly Action<string>? notice;
        private readonly Action<PurificationEpoch>? epochDone;
        private readonly TrainingEngine engine;
        private readonly Device device;
        private readonly Device evaluationDevice;
        private readonly ClassifierLayer layer;
        private readonly ForwardGraph forward;
        private readonly Probe probe;
        private readonly Augmentation? augmentation;
        private readonly double preparationSeconds;
        private Evaluator? givenEvaluator;
        private CleanResult? given;
        private IReadOnlyList<PerturbationKind> kinds = [];

        public Run(
            OnnxModel model,
            LabeledSamples clean,
            PurificationOptions options,
            IProgress<PurificationProgress>? progress,
            Action<string>? notice,
            Action<PurificationEpoch>? epochDone,
            CancellationToken cancellation)
        {
            var watch = Stopwatch.StartNew();
            this.model = model;
            this.clean = clean;
            this.options = options;
            this.progress = progress;
            this.notice = notice;
            this.cancellation = cancellation;
            this.epochDone = epochDone;
            engine = options.Engine.Settle(options.Device);
            device = engine.Resolve(options.Device, notice);

            // Models are measured by ONNX Runtime, which may lack the CUDA that another engine has.
            evaluationDevice = device.Kind == DeviceKind.Cuda ? OrtSessions.Resolve(device with { Kind = DeviceKind.Auto }, notice) : device;
            layer = ClassifierLayer.Find(model, options.Classifier, options.OutputName);
            forward = ForwardGraph.Create(model, options.OutputName);
            SampleFit.Check(clean, forward.Io, layer);
            probe = Prober.Run(forward, clean.SampleShape);
            var augments = clean.SampleShape.Length == 3 && (options.CropPadding > 0 || options.HorizontalFlip);
            augmentation = augments
                ? new Augmentation(clean.SampleShape, clean.Normalization, options.CropPadding, options.HorizontalFlip ? 0.5 : 0)
                : null;
            restoration = options.RestoreBatchNorm ? BatchNormRestoration.Of(model, forward, probe, layer, clean, Loader(StatisticsStream), options, evaluationDevice, cancellation) : null;
            trained = restoration?.Model ?? model;
            if (restoration is not null)
            {
                forward = ForwardGraph.Create(trained, options.OutputName);
                probe = Prober.Run(forward, clean.SampleShape);
            }

            preparationSeconds = watch.Elapsed.TotalSeconds;
        }

        public PurificationResult Execute()
        {
            var first = Unlearn(0);
            var unlearning = first.Report;
            var watch = Stopwatch.StartNew();
            using var search = Search();
            var (neurons, detection, paths) = Detect(first.Changes, search);
            var suspicious = neurons.Where(n => n.IsSuspicious).Select(n => n.Neuron).ToArray();
            var plan = new RelearningPlanner(options, clean, search, paths, SearchStep, cancellation).Plan(detection, suspicious);
            var targets = detection.IsAllToAll ? [] : suspicious;
            var corrections = plan is { Perturbs: true } ? Corrections(targets) : [];
            var detectionSeconds = watch.Elapsed.TotalSeconds;
            var (relearning, state, parameters) = Relearn(targets, plan, corrections, first.State);
            var purified = Written(state);

            watch.Restart();
            var before = Given;
            var after = Evaluate(purified);
            var classes = PerClass(before, after);
            var report = new PurificationReport
            {
                Model = model.SourcePath is { } path ? Path.GetFileName(path) : null,
                CleanSamples = clean.Source,
                SampleCount = clean.Count,
                Options = options,
                Engine = engine.Name,
                Device = device.ToString(),
                Classifier = layer,
                Parameters = (parameters.Count, parameters.Sum(p => TensorData.ElementCount(forward.Initializers[p]))),
                Neurons = neurons,
                Detection = detection,
                Perturbations = plan is { Perturbs: true } ? plan.Perturbations.Count : 0,
                PerturbedShare = plan is { Perturbs: true } ? plan.PerturbedShare : 0f,
                DisplacedShare = plan?.DisplacedShare ?? 0f,
                TargetCorrections = corrections,
                DetectionSeconds = detectionSeconds,
                Unlearning = unlearning,
                Relearning = relearning,
                PreparationSeconds = preparationSeconds,
                EvaluationSeconds = watch.Elapsed.TotalSeconds,
                AccuracyBefore = before.Accuracy,
                AccuracyAfter = after.Accuracy,
                Classes = classes,
                Warnings = PurificationWarnings.Of(neurons, detection, classes, unlearning, options, plan, model.Proto.Graph),
            };
            return new PurificationResult(purified, report);
        }

        /// <summary>Runs the unlearning phase, the search for perturbations and the further runs, and judges them.</summary>
        public BackdoorDetection Detect()
        {
            var first = Unlearn(0);
            using var search = Search();
            return Detect(first.Changes, search).Detection;
        }

        /// <inheritdoc/>
        public void Dispose() => givenEvaluator?.Dispose();

        private (PhaseReport Report, double[] Changes, IReadOnlyDictionary<string, float[]> State) Unlearn(int run)
        {
            var sgd = new SgdOptions(options.Momentum, options.UnlearningWeightDecay, options.UnlearningClipNorm);
            using var session = engine.Open(Setup(new CrossEntropy(sign: -1f)), sgd);
            var stream = UnlearningStream + (run * RunStreams);
            var runner = Runner(run == 0 ? PurificationPhase.Unlearning : PurificationPhase.Detection, session, Loader(stream));
            var sampler = Sampler(run == 0 ? options.Replay?.UnlearningOrder : null, stream);
            var report = runner.Run(session, sampler, options.UnlearningEpochs, UnlearningRate, accuracy => accuracy <= options.CleanThreshold, cancellation);
            var state = session.ReadState();
            var before = TensorData.ReadFloats(forward.Initializers[layer.Weight]);
            return (report, SuspiciousNeurons.Changes(layer, before, state[layer.Weight]), state);
        }

        // What unlearning changed.
        private Dictionary<string, float[]> Direction(IReadOnlyList<string> parameters, IReadOnlyDictionary<string, float[]> state)
        {
            var direction = new Dictionary<string, float[]>(StringComparer.Ordinal);
            foreach (var name in parameters)
            {
                var from = TensorData.ReadFloats(forward.Initializers[name]);
                TensorPrimitives.Subtract(state[name], from, from);
                direction[name] = from;
            }

            return direction;
        }

        // A model whose answers do not depend smoothly on its input is judged by its weights alone.
        private SharedPerturbationSearch? Search()
        {
            if (options.PerturbedShare == 0) return null;
            try
            {
                var search = new SharedPerturbationSearch(model, options.OutputName, layer.Classes, clean, GivenEvaluator, engine, device, options.Threads, options.Seed);
                kinds = search.Kinds;
                return search;
            }
            catch (Exception e) when (e is UnsupportedOperatorException or InvalidModelException)
            {
                notice?.Invoke($"perturbations cannot be searched, so the neuron weight change alone tells backdoored classes: {e.Message}");
                return null;
            }
        }

        // One run without a search judges as published; otherwise only those are suspicious whom the detection is sure of. The kinds of perturbations are
        // searched toward all classes until one of them makes it sure; where none does, sinusoids are tried toward a class that clean samples show to be withheld.
        private (IReadOnlyList<NeuronReport> Neurons, BackdoorDetection Detection, IReadOnlyList<SharedPerturbationPath> Paths) Detect(
            double[] first, SharedPerturbationSearch? search)
        {
            var runs = new List<double[]> { first };
            var paths = new List<SharedPerturbationPath>();
            WithheldClass? withheld = null;
            BackdoorDetection Judge() => BackdoorDetection.Of(runs, [.. paths.Where(p => p.Kind != PerturbationKind.Periodic)], options.MaxSuspiciousNeurons, withheld);
            var detection = Judge();
            foreach (var kind in search?.Kinds ?? [])
            {
                paths.AddRange(search!.Search(kind, [.. Candidates(first), PerturbationGoal.Next], progress: SearchStep(kind), cancellation: cancellation));
                detection = Judge();
                if (detection.IsSettled) break;
            }

            if (!detection.IsSettled && search is { Range.IsPicture: true })
            {
                withheld = WithheldClass.Of(Given);
                if (withheld.Certainty >= 0.5 && SharedPerturbationDescent.HasOthers(clean, withheld.Class))
                {
                    paths.Add(SearchPeriodic(withheld.Class, search));
                    withheld = withheld with { PeriodicReach = paths[^1].Reach };
                }

                detection = Judge();
            }

            // What one draw finds of a trigger at many positions is chance: all classes are searched again, and then the foremost.
            PerturbationGoal[] again = [.. Candidates(first)];
            for (var draw = 1; search is not null && draw <= SharedPerturbationSearch.FurtherDraws && !detection.IsBackdoored; draw++)
            {
                paths.AddRange(search.Search(PerturbationKind.Sparse, again, draw, progress: SearchStep(PerturbationKind.Sparse), cancellation: cancellation));
                again = SharedPerturbationSearch.Foremost(paths, PerturbationKind.Sparse);
                detection = Judge();
            }

            while (runs.Count < options.UnlearningRuns && !detection.IsSettled && !detection.IsDismissed)
            {
                runs.Add(Unlearn(runs.Count).Changes);
                detection = Judge();
            }

            var mean = Enumerable.Range(0, layer.Classes).Select(c => runs.Average(r => r[c])).ToArray();
            var neurons = SuspiciousNeurons.Find(mean, options.SuspicionThreshold, options.MaxSuspiciousNeurons);
            if (options.UnlearningRuns == 1 && search is null) return (neurons, detection, paths);
            return ([.. neurons.Select(n => n with { IsSuspicious = detection.IsBackdoored && detection.Neurons.Contains(n.Neuron) })], detection, paths);
        }

        private SharedPerturbationPath SearchPeriodic(int target, SharedPerturbationSearch search) =>
            new PeriodicSearch(clean, search.Range, GivenEvaluator, options.Seed).Search(target, SearchStep(PerturbationKind.Periodic), cancellation);

        // Of many classes those whose neurons changed most.
        private IEnumerable<PerturbationGoal> Candidates(double[] changes) => Enumerable.Range(0, layer.Classes)
            .OrderByDescending(c => changes[c])
            .Take(SharedPerturbationSearch.MostClasses)
            .Where(candidate => SharedPerturbationDescent.HasOthers(clean, candidate))
            .Order()
            .Select(PerturbationGoal.To);

        private Action<int, int>? SearchStep(PerturbationKind kind)
        {
            if (progress is null) return null;
            var watch = Stopwatch.StartNew();
            var number = 1 + kinds.TakeWhile(k => k != kind).Count();
            return (done, steps) => progress.Report(new PurificationProgress(
                PurificationPhase.Search, number, Math.Max(kinds.Count, number), done, steps, float.NaN, 0, watch.Elapsed * ((double)(steps - done) / done)));
        }

        private (PhaseReport Report, IReadOnlyDictionary<string, float[]> State, IReadOnlyList<string> Parameters) Relearn(
            int[] suspicious, RelearningPlan? plan, IReadOnlyList<TargetCorrection> corrections, IReadOnlyDictionary<string, float[]> unlearnt)
        {
            var original = TensorData.ReadFloats(forward.Initializers[layer.Weight]);
            using var session = engine.Open(Relearning(suspicious, original, corrections), new SgdOptions(options.Momentum, 0f, null));
            if (suspicious.Length > 0 && options.Reflect) session.Reset(ReflectedRows(suspicious, original));
            else if (suspicious.Length > 0 && options.Reinitialize) session.Reset(InitialRows(suspicious, original));
            var loader = Loader(RelearningStream);
            var batches = plan is null ? (IBatchSource)loader : new RelearningBatches(clean, loader, plan, Math.Min(options.BatchSize, clean.Count), options.Seed, PerturbationStream);
            var runner = Runner(PurificationPhase.Relearning, session, batches, plan is { Displaces: true } ? Direction(session.Parameters, unlearnt) : null);
            var sampler = Sampler(options.Replay?.RelearningOrder, RelearningStream, options.RelearningBatches);
            var epochs = plan?.Epochs ?? options.RelearningEpochs;
            var report = runner.Run(session, sampler, epochs, epoch => RelearningRate(epoch, epochs), _ => false, cancellation);
            return (report, session.ReadState(), session.Parameters);
        }

        private TrainingSetup Setup(IObjective objective, FrozenRows? frozen = null)
        {
            var graphOptions = new TrainingGraphOptions
            {
                Objective = objective,
                Frozen = frozen,
                Mode = NetworkMode.Train,
                DropoutSeed = RandomStream.Create(options.Seed, DropoutStream, 0).Next(),
            };
            return new TrainingSetup(forward, probe, clean.SampleShape, graphOptions, device, options.Threads);
        }

        private IReadOnlyList<TargetCorrection> Corrections(int[] targets)
        {
            if (targets.Length == 0 || options.DistillationWeight == 0 || options.TargetCorrection == 0) return [];
            return TargetCorrection.Of(targets, GivenEvaluator.Logits(clean, cancellation), clean.Labels, options.TargetCorrection);
        }

        private TrainingSetup Relearning(int[] suspicious, float[] original, IReadOnlyList<TargetCorrection> corrections)
        {
            var aligned = options.Reflect ? [] : suspicious;
            IObjective objective = new Alignment(layer.Weight, layer.ClassAxis, original, aligned, options.Alpha);
            if (options.DistillationWeight > 0) objective = new Distillation(objective, options.DistillationWeight, options.DistillationTemperature, PerClass(corrections));
            return Setup(objective, options.Reflect && suspicious.Length > 0 ? new FrozenRows(layer.Weight, layer.ClassAxis, suspicious) : null);
        }

        private float[]? PerClass(IReadOnlyList<TargetCorrection> corrections)
        {
            if (corrections.Count == 0) return null;
            var taken = new float[layer.Classes];
            foreach (var correction in corrections) taken[correction.Class] = correction.Logit;
            return taken;
        }

        private Dictionary<string, float[]> ReflectedRows(int[] suspicious, float[] original)
        {
            var weights = (float[])original.Clone();
            foreach (var neuron in suspicious)
            {
                for (var f = 0; f < layer.Features; f++) weights[layer.Index(neuron, f)] *= -1f;
            }

            return new Dictionary<string, float[]>(StringComparer.Ordinal) { [layer.Weight] = weights };
        }

        // Uniform in ±sqrt(2 / features), biases 0.
        private Dictionary<string, float[]> InitialRows(int[] suspicious, float[] original)
        {
            var weights = (float[])original.Clone();
            var bound = MathF.Sqrt(2f / layer.Features);
            var random = RandomStream.Create(options.Seed, InitialRowStream, 0);
            foreach (var neuron in suspicious)
            {
                var given = options.Replay?.InitialRows?.GetValueOrDefault(neuron);
                for (var f = 0; f < layer.Features; f++)
                {
                    weights[layer.Index(neuron, f)] = given is not null ? given[f] : ((random.NextSingle() * 2f) - 1f) * bound;
                }
            }

            var state = new Dictionary<string, float[]>(StringComparer.Ordinal) { [layer.Weight] = weights };
            if (layer.Bias is { } bias)
            {
                var biases = TensorData.ReadFloats(forward.Initializers[bias]);
                foreach (var neuron in suspicious) biases[neuron] = 0f;
                state[bias] = biases;
            }

            return state;
        }

        private OnnxModel Written(IReadOnlyDictionary<string, float[]> state)
        {
            var written = ParameterWriter.Write(trained, forward, state);
            return restoration?.Fold(written) ?? written;
        }

        private PhaseRunner Runner(
            PurificationPhase phase, ITrainingSession session, IBatchSource batches, IReadOnlyDictionary<string, float[]>? displacement = null)
        {
            Action<EpochReport>? epochEnds = epochDone is null || phase == PurificationPhase.Detection
                ? null
                : report => epochDone(new PurificationEpoch(phase, report, () => Written(session.ReadState())));
            return new PhaseRunner(phase, clean, batches, progress, epochEnds, displacement);
        }

        private BatchLoader Loader(int stream) => new(clean, augmentation, Math.Min(options.BatchSize, clean.Count), options.Seed, stream);

        private BatchSampler Sampler(IReadOnlyList<int[]>? stored, int stream, int leastBatches = 1)
        {
            if (stored is not null) return BatchSampler.Stored(stored, clean.Count, options.BatchSize);
            var batches = (clean.Count + options.BatchSize - 1) / options.BatchSize;
            var passes = (leastBatches + batches - 1) / batches;
            return BatchSampler.Shuffled(clean.Count, options.BatchSize, RandomStream.Create(options.Seed, stream, 0).Next(), passes);
        }

        // torch.optim.lr_scheduler.MultiStepLR
        private float UnlearningRate(int epoch) =>
            options.UnlearningLearningRate * MathF.Pow(options.UnlearningGamma, options.UnlearningMilestones.Count(m => m <= epoch));

        // torch.optim.lr_scheduler.CosineAnnealingLR with T_max = epochs
        private float RelearningRate(int epoch, int epochs) =>
            (float)(0.5 * options.RelearningLearningRate * (1 + Math.Cos(Math.PI * epoch / epochs)));

        // What the given model makes of the clean samples.
        private CleanResult Given => given ??= GivenEvaluator.EvaluateClean(clean, cancellation);

        private Evaluator GivenEvaluator => givenEvaluator ??= Open(model);

        private Evaluator Open(OnnxModel candidate) => new(candidate, evaluationDevice, options.Threads, options.BatchSize, outputName: options.OutputName);

        private CleanResult Evaluate(OnnxModel candidate)
        {
            using var evaluator = Open(candidate);
            return evaluator.EvaluateClean(clean, cancellation);
        }

        private static ClassAccuracy[] PerClass(CleanResult before, CleanResult after) =>
            [.. before.Classes.Zip(after.Classes, (b, a) => new ClassAccuracy(b.Class, b.Count, b.Count == 0 ? null : b.Accuracy, a.Count == 0 ? null : a.Accuracy))];
    }
}
